#!/bin/bash
# Says whether this MariaDB works, by the options of the script of the same name in MariaDB's Docker images that Kolla's services use.
set -eo pipefail
options=()
asked=0
ask() { mariadb "${options[@]}" --skip-column-names --batch --protocol=socket --execute "$1"; }
while [ $# -gt 0 ]; do
  case $1 in
    --defaults-file=* | --defaults-extra-file=* | --defaults-group-suffix=*) options=("$1" "${options[@]}") ;;
    --defaults-file | --defaults-extra-file | --defaults-group-suffix) options=("$1=$2" "${options[@]}"); shift ;;
    --no-defaults) options=("$1" "${options[@]}") ;;
    # Whether it answers, even to refuse.
    --connect) asked=1; ask 'select 1' >/dev/null 2>&1 || ask 'select 1' 2>&1 | grep -q 'Access denied' ;;
    --innodb_initialized) asked=1; [ "$(ask "select 1 from information_schema.ENGINES where engine='innodb' and support in ('YES', 'DEFAULT', 'ENABLED')")" = 1 ] ;;
    --galera_online) asked=1; [ "$(ask "select variable_value from information_schema.GLOBAL_STATUS where variable_name='WSREP_LOCAL_STATE'")" = 4 ] ;;
    --galera_ready) asked=1; [ "$(ask "select variable_value from information_schema.GLOBAL_STATUS where variable_name='WSREP_READY'")" = ON ] ;;
    *) echo "healthcheck.sh: unknown option $1" >&2; exit 1 ;;
  esac
  shift
done
[ $asked = 1 ] || { echo 'healthcheck.sh: nothing was asked' >&2; exit 1; }
