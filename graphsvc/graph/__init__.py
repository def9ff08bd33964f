"""All Cypher there is: constraints, writes and reads of the Neo4j projection."""
