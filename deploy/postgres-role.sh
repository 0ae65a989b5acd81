#!/bin/sh
# First start of the database: the server's own role is no superuser, so it cannot edit what triggers protect.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$TILSCOPE_DATABASE_PASSWORD" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE tilscope LOGIN CREATEDB PASSWORD :'password';
CREATE DATABASE tilscope OWNER tilscope;
SQL
