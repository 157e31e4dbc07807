# What the shows with several real hosts share: the lab of tests/show/site, commands in its hosts, and an operator on their network who
# reaches them over ssh. Sourced after lib.sh by a script that is root, which may name another description as `example`, its further lines as `more`
# and the address of the operator as `operator`. Each show has a lab of its own name and takes it down when it ends.
# shellcheck shell=bash

[ "$(id -u)" = 0 ] || leave_out "boots hosts, which needs root"
scratch
build_tool
lab_name=show-$show
network=kolla-lab-$lab_name
cloud=$work/cloud

# The description under test: a copy, so that it can be changed. `keys.kl` beside it holds what is known once the hosts are up.
example=${example:-tests/show/site}
cp -r "$example" "$cloud"
{ echo 'use "./keys.kl"'; cat "$example/cloud.kl"; printf '%s' "${more:-}"; } >"$cloud/cloud.kl"
printf 'operators.tests = "%s"\n' "$(cat tests/support/keys/operator.pub)" >"$cloud/keys.kl"
# Hosts of the lab have the clock of this machine, which nobody need have set.
echo 'for h in hosts { hosts[h].prechecks.clock = none }' >>"$cloud/keys.kl"
mapfile -t hosts < <("$kolla" eval "$cloud/cloud.kl" hosts --json | python3 -c 'import json, sys; print(*json.load(sys.stdin), sep="\n")')
[ "${#hosts[@]}" -gt 0 ] || die "$example has no hosts"

lab() { "$kolla" lab --name "$lab_name" "$@"; }

# A line of shell in a host; what it prints is printed here: on HOST 'line'
on() { lab exec "$1" -- sh -c "$2" </dev/null; }
# The same line in several hosts at once: on_each 'line' [HOST…]
on_each() {
  local line=$1 host jobs=()
  shift
  [ $# -gt 0 ] || set -- "${hosts[@]}"
  for host in "$@"; do on "$host" "$line" & jobs+=($!); done
  wait_for "${jobs[@]}"
}
wait_for() { # JOB…: all of them, and none may have failed
  local job
  for job in "$@"; do wait "$job" || die "a command in a host failed"; done
}

# A command of kolla-lang in a host: in_host HOST CODE FILE word…
in_host() {
  local host=$1 want=$2 out=$3
  shift 3
  expect "$want" "$out" lab exec "$host" -- kolla-lang "$@"
}

# A command as the operator gives it, beside the description and on the network of the hosts: there CODE FILE WORD…
there() {
  local code=$1 out=$2
  shift 2
  (cd "$cloud" && expect "$code" "$out" nsenter "--net=/run/netns/$network" "$kolla" "$@")
}

# The operator's command as a process whose id is in `leader`; what it prints goes to a file: lead FILE WORD…
lead() {
  local out=$1
  shift
  : >"$out" # what the one before it said is no word of this one
  (cd "$cloud" && exec nsenter "--net=/run/netns/$network" "$kolla" "$@" >"$out" 2>&1) &
  leader=$!
}
# It is killed, with no time for a word.
dies() { { kill -9 "$leader" && wait "$leader"; } 2>/dev/null || true; }

# Boots all hosts and lets the operator in: with a key in an agent, as operators have one. Then makes the secrets that are missing.
lab_up() { # [option…]
  local host address
  eval "$(ssh-agent -a "$work/agent")" >/dev/null
  trap 'kill "$SSH_AGENT_PID" 2>/dev/null || true; lab down --purge >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
  say "booting ${hosts[*]}"
  # What a run that was cut off left of rollouts.
  rm -rf "/var/lib/kolla-lang/rollouts/$("$kolla" eval "$cloud/cloud.kl" cloud.name --json | tr -d '"')"
  expect 0 "$work/lab-up.txt" lab up "$cloud/cloud.kl" "$@"
  ip -netns "$network" addr replace "${operator:-10.0.0.1/24}" dev br0 nodad
  (umask 077 && cp tests/support/keys/operator "$work/id")
  ssh-add -q "$work/id"
  for host in "${hosts[@]}"; do
    address=$("$kolla" eval "$cloud/cloud.kl" "hosts.$host.addresses.mgmt" --json | tr -d '"')
    on "$host" "mkdir -p /root/.ssh && echo '$(cat tests/support/keys/operator.pub)' >>/root/.ssh/authorized_keys"
    printf 'hosts.%s.ssh = { address = "%s", key = "%s" }\n' \
      "$host" "$address" "$(on "$host" 'cut -d" " -f1-2 /etc/ssh/ssh_host_ed25519_key.pub')" >>"$cloud/keys.kl"
  done
  secrets list >"$work/secrets.txt" || die "the description is wrong"
  [ ! -s "$work/secrets.txt" ] || expect 0 "$work/secrets.txt" secrets generate
}
secrets() { "$kolla" secrets --identity "$root/tests/support/keys/operator" --file "$cloud/cloud.kl" "$@"; }

# Switches each named host by a command of its own, all at once: switch_at_once HOST…
switch_at_once() {
  local host jobs=()
  for host in "$@"; do there 0 "$work/switch-$host.txt" switch --host "$host" & jobs+=($!); done
  wait_for "${jobs[@]}"
}
