#!/bin/sh
# Writes a Sentinel's configuration once; from then on it is the Sentinel's own, and remembers who is primary.
set -eu
umask 077
cp /secrets/sentinel-users.acl /run/redis/users.acl
[ -s /data/sentinel.conf ] && exit 0
domain=directory-redis-nodes.directory-data.svc
export REDISCLI_AUTH="$(cat /secrets/discovery-password)"
primary=$(redis-cli -h directory-redis-sentinel.directory-data.svc -p 26379 --tls --cacert /tls/ca.crt --user discovery \
  --no-auth-warning -t 3 sentinel get-master-addr-by-name directory 2>/dev/null | head -n 1 || true)
case $primary in
  *."$domain") ;;
  *) primary=directory-redis-0.$domain ;;
esac
{
  cat /config/sentinel.conf
  echo "sentinel announce-ip $HOSTNAME.directory-redis-sentinels.directory-data.svc"
  echo "sentinel announce-port 26379"
  echo "sentinel monitor directory $primary 6379 2"
  echo "sentinel down-after-milliseconds directory 3000"
  echo "sentinel failover-timeout directory 15000"
  echo "sentinel parallel-syncs directory 1"
  cat /secrets/sentinel.conf
} >/data/sentinel.conf.new
mv /data/sentinel.conf.new /data/sentinel.conf
