#!/bin/sh
# Bring Temporal's two databases to the schema of this version; safe to run again.
set -eu

for part in temporal:temporal temporal_visibility:visibility; do
    database=${part%%:*} kind=${part##*:}
    schema=/etc/temporal/schema/postgresql/v12/$kind/versioned
    # Fails where the table of versions exists already, which is every time but the first.
    temporal-sql-tool --db "$database" setup-schema -v 0.0 || echo "$database has a schema already"
    temporal-sql-tool --db "$database" update-schema -d "$schema"
done
