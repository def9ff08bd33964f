#!/bin/bash
# Makes Keycloak's own database and role when the cluster is new; the password comes from its file.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$(< /run/secrets/keycloak_database)" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE keycloak LOGIN PASSWORD :'password';
CREATE DATABASE keycloak OWNER keycloak;
SQL
