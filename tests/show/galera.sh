# What is asked of the three members of Galera. Sourced after fleet.sh; `password` is root's.
# shellcheck shell=bash

# SQL on one member, as root: sql HOST 'statements'
sql() { lab exec "$1" -- podman exec -i -e "MYSQL_PWD=$password" mariadb mariadb -u root -N -e "$2" </dev/null; }
members() { sql "$1" "SHOW STATUS LIKE 'wsrep_cluster_size'" | cut -f2; }
is_synced() { [ "$(members "$1")" = "${#hosts[@]}" ] && [ "$(sql "$1" "SHOW STATUS LIKE 'wsrep_local_state_comment'" | cut -f2)" = Synced ]; }
two_are_up() { [ "$(members ctl01)" = 2 ] && [ "$(members ctl02)" = 2 ]; }
all_synced() { local host; for host in "${hosts[@]}"; do is_synced "$host" || return 1; done; }
# Hosts whose member is in a primary component, with the name of that component.
primaries() {
  local host
  for host in "$@"; do
    [ "$(sql "$host" "SHOW STATUS LIKE 'wsrep_cluster_status'" 2>/dev/null | cut -f2)" != Primary ] ||
      echo "$host $(sql "$host" "SHOW STATUS LIKE 'wsrep_cluster_state_uuid'" | cut -f2)"
  done
}
one_primary() {
  all_synced || die "not all members are synced"
  [ "$(primaries "${hosts[@]}" | cut -d' ' -f2 | sort -u | wc -l)" = 1 ] || die "more than one primary component: $(primaries "${hosts[@]}")"
}
# The member that began the cluster now running.
beginner() {
  local host words
  for host in "${hosts[@]}"; do
    words=$(on "$host" 'for it in $(ps -C mariadbd -o pid=); do tr "\0" " " </proc/$it/cmdline; done')
    case " $words " in *" --wsrep-new-cluster "*) echo "$host" ;; esac
  done | xargs
}
