#!/bin/sh
# Run once by the PostgreSQL image, on an empty data directory: each service gets a role of its
# own that owns its own databases and can open no other.
set -eu

create() { # create ROLE PASSWORD DATABASE...
    role=$1 password=$2
    shift 2
    psql -v ON_ERROR_STOP=1 -U postgres -v role="$role" -v password="$password" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
SQL
    for database in "$@"; do
        psql -v ON_ERROR_STOP=1 -U postgres -v role="$role" -v database="$database" <<'SQL'
CREATE DATABASE :"database" OWNER :"role";
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
SQL
    done
}

create mlflow "$MLFLOW_DB_PASSWORD" mlflow
create temporal "$TEMPORAL_DB_PASSWORD" temporal temporal_visibility
# Last: the health check asks for this one.
create dagster "$DAGSTER_DB_PASSWORD" dagster
