#!/bin/bash
# Says whether a member of a Galera cluster works and is in step, by the settings and the answer of the script of this name in Fedora's mariadb.
set -u
[ ! -f /etc/sysconfig/clustercheck ] || . /etc/sysconfig/clustercheck
options=(--user="${MYSQL_USERNAME-}" --host="${MYSQL_HOST:-localhost}" --port="${MYSQL_PORT:-3306}" --connect-timeout="${TIMEOUT:-10}")
export MYSQL_PWD=${MYSQL_PASSWORD-}
answer() {
  printf 'HTTP/1.1 %s\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s\r\n' "$1" $((${#2} + 2)) "$2"
}
state=$(mariadb "${options[@]}" --skip-column-names --batch --execute \
  "select variable_value from information_schema.GLOBAL_STATUS where variable_name='WSREP_LOCAL_STATE'" 2>/dev/null)
readonly=$(mariadb "${options[@]}" --skip-column-names --batch --execute 'select @@global.read_only' 2>/dev/null)
if [ "$readonly" = 1 ] && [ "${AVAILABLE_WHEN_READONLY:-1}" = 0 ]; then
  answer '503 Service Unavailable' 'MariaDB Cluster Node is read-only.'
  exit 1
fi
if [ "$state" = 4 ] || { [ "$state" = 2 ] && [ "${AVAILABLE_WHEN_DONOR:-0}" = 1 ]; }; then
  answer '200 OK' 'MariaDB Cluster Node is synced.'
  exit 0
fi
answer '503 Service Unavailable' 'MariaDB Cluster Node is not synced.'
exit 1
