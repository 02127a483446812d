#!/bin/sh
# What the official image does, in short: make a cluster, run the scripts, serve.
set -eu
PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
data=/var/lib/postgresql/data
if [ ! -s "$data/PG_VERSION" ]; then
    install -d -o postgres /var/lib/postgresql "$data"
    printf %s "$POSTGRES_PASSWORD" > /tmp/password
    chown postgres /tmp/password
    runuser -u postgres -- initdb -D "$data" -U postgres -A scram-sha-256 --auth-local=trust \
        --pwfile=/tmp/password
    echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
    runuser -u postgres -- pg_ctl -D "$data" -w \
        -o "-c listen_addresses= -c unix_socket_directories=/tmp" start
    for script in /docker-entrypoint-initdb.d/*.sh; do
        PGHOST=/tmp sh "$script"
    done
    runuser -u postgres -- pg_ctl -D "$data" -w stop
fi
exec runuser -u postgres -- postgres -D "$data" -c listen_addresses='*' \
    -c unix_socket_directories=/tmp
