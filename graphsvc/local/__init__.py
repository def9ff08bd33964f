"""Everything on one machine: a Neo4j child process, a development identity provider, the service."""
