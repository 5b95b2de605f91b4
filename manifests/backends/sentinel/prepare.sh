#!/bin/sh
# Puts the users that don't come from the operator into the ACL file, and finds out whom this node follows.
set -eu
umask 077
file=/data/users.acl
touch "$file"
{
  grep -v -e '^user default ' -e '^user probe ' -e '^user directory-operator ' -e '^user replication ' \
    -e '^user sentinel ' "$file" || true
  cat /secrets/users.acl
} >"$file.new"
mv "$file.new" "$file"

domain=directory-redis-nodes.directory-data.svc
self=$HOSTNAME.$domain
# Sentinels that are up know better than the order in which pods are numbered.
REDISCLI_AUTH=$(cat /secrets/discovery-password) primary=$(
  export REDISCLI_AUTH
  redis-cli -h directory-redis-sentinel.directory-data.svc -p 26379 --tls --cacert /tls/ca.crt --user discovery \
    --no-auth-warning -t 3 sentinel get-master-addr-by-name directory 2>/dev/null | head -n 1 || true
)
case $primary in
  *."$domain") ;;
  *) primary=directory-redis-0.$domain ;;
esac
{
  echo "include /config/server.conf"
  echo "include /config/replication.conf"
  echo "replica-announce-ip $self"
  cat /secrets/replication.conf
  if [ "$primary" != "$self" ]; then
    echo "replicaof $primary 6379"
  fi
} >/run/redis/redis.conf
