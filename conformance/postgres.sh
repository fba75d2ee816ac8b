#!/bin/sh
# A PostgreSQL of its own in a pod: `postgres.sh PORT`. It does not want to be root, which a local pod is in its user namespace,
# so it is the user `postgres` in one of its own. Ends with what it wrote.
set -eu
if [ "${2:-}" != inside ]; then
  exec unshare --user --map-user="$(id -u postgres)" --map-group="$(id -g postgres)" "$0" "$1" inside
fi
PATH="$(echo /usr/lib/postgresql/*/bin):$PATH"
data=$(mktemp -d)
initdb -D "$data" -U root -A trust --no-locale -E UTF8 --no-sync >/dev/null
echo "host all all all trust" >>"$data/pg_hba.conf"
postgres -D "$data" -k "$data" -p "$1" -c listen_addresses='*' -c fsync=off &
server=$!
trap 'kill -INT "$server"' TERM INT
wait "$server" || wait "$server" || true
rm -rf "$data"
