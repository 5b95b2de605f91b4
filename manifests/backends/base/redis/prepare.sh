#!/bin/sh
# Puts the users that don't come from the operator into the ACL file: its own, and one that may only PING, for the probes.
# Those that the operator saved stay.
set -eu
umask 077
file=/data/users.acl
touch "$file"
{
  grep -v -e '^user default ' -e '^user probe ' -e '^user directory-operator ' "$file" || true
  cat /secrets/users.acl
} >"$file.new"
mv "$file.new" "$file"
