# What the shows with real hosts share: the lab of examples/all-in-one, commands in its host, tokens through the VIP.
# Sourced after lib.sh by a script that is root. Each show has a lab of its own name and takes it down when it ends.
# shellcheck shell=bash

[ "$(id -u)" = 0 ] || leave_out "boots hosts, which needs root"
scratch
build_tool
lab_name=show-$show
cloud=$work/cloud

# The description under test: a copy of the example, or of what the show names as `example`, so that it can be changed.
example=${example:-examples/all-in-one}
cp -r "$example" "$cloud"
host=$("$kolla" eval "$cloud/cloud.kl" hosts --json | python3 -c 'import json, sys; print(*json.load(sys.stdin))')
[ "$(wc -w <<<"$host")" = 1 ] || die "$example has not one host but: $host"

lab() { "$kolla" lab --name "$lab_name" "$@"; }
lab_up() { # [option…]
  trap 'lab down --purge >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
  say "booting $host"
  expect 0 "$work/lab-up.txt" lab up "$cloud/cloud.kl" "$@"
  [ "$has_secrets" = no ] || make_secrets
}

# The operator's own command on the secrets of the description: secrets WORD…
secrets() { "$kolla" secrets --identity "$root/tests/support/keys/operator" --file "$cloud/cloud.kl" "$@"; }

# Who may read the secrets: the operator of the tests, and each host that has told its key.
has_secrets=no
write_keys() { # [HOST-KEY]
  printf 'operators.tests = "%s"\n' "$(cat "$root/tests/support/keys/operator.pub")" >"$cloud/keys.kl"
  [ -z "${1:-}" ] || printf 'hosts.%s.ssh.key = "%s"\n' "$host" "$1" >>"$cloud/keys.kl"
}
# Makes the secrets that are missing, and encrypts all to the host that is up: a second host keeps what the first one had.
make_secrets() {
  in_host 0 "$work/host-key.txt" cat /etc/ssh/ssh_host_ed25519_key.pub
  write_keys "$(cat "$work/host-key.txt")"
  expect 0 "$work/secrets.txt" secrets generate
  expect 0 "$work/secrets.txt" secrets rekey
}
secrets list >"$work/secrets.txt" || die "the description is wrong"
if [ -s "$work/secrets.txt" ]; then
  has_secrets=yes
  write_keys
  echo 'use "./keys.kl"' >"$work/cloud.kl"
  cat "$cloud/cloud.kl" >>"$work/cloud.kl"
  cp "$work/cloud.kl" "$cloud/cloud.kl"
fi

# A command in the host; its output goes to a file: in_host CODE FILE command…
in_host() {
  local want=$1 out=$2
  shift 2
  expect "$want" "$out" lab exec "$host" -- "$@"
}

# A line of shell in the host; what it prints is printed here.
on_host() { lab exec "$host" -- sh -c "$1"; }

# The description as it now is, brought to the host and made so there; its output is in $work/switch.txt.
switch_host() { # CODE [option…]
  local want=$1
  shift
  "$kolla" check "$cloud/cloud.kl" >"$work/check.txt" 2>&1 || { cat "$work/check.txt" >&2; die "the description is wrong"; }
  lab copy "$host" "$cloud" /root/cloud >/dev/null
  in_host "$want" "$work/switch.txt" kolla-lang switch /root/cloud/cloud.kl --local "$@"
}

# Waits until a line of shell in the host ends well; what it prints then is printed here: until_on_host SECONDS 'line'
# The host itself asks again, ten times a second: what lasts a moment must not be missed.
until_on_host() {
  on_host "for i in \$(seq $(($1 * 10))); do $2 && exit 0; sleep 0.1; done; exit 1" || die "not within $1 s: $2"
}

# The ids and start times of all containers but those named, one line each, sorted.
containers() { # [EXCEPT]
  lab exec "$host" -- podman ps --format '{{.Names}} {{.ID}} {{.StartedAt}}' | grep -v "^${1:-no-such-name} " | LC_ALL=C sort
}

# The committed generation and what is mounted where: what a refused switch must not touch.
links() {
  lab exec "$host" -- sh -c 'readlink /etc/kolla-lang/boot; ls -l /run/kolla-lang /run/systemd/generator 2>/dev/null | grep -- "->"; cd /run/systemd/generator && systemctl show -p Id,LoadState,ActiveState,InvocationID -- *[!@].service'
}

vip() { "$kolla" eval "$cloud/cloud.kl" vips.internal.address --json | tr -d '"'; }

# openstack COMMAND…: asks Keystone through HAProxy on the VIP, as the administrator that the toolbox is signed in as.
openstack() {
  lab exec "$host" -- podman exec kolla-toolbox openstack "$@"
}

token_is_issued() {
  openstack token issue -f value -c id >"$work/token.txt" 2>"$work/token.err" || { cat "$work/token.err" >&2; die "no token through the VIP"; }
  [ "$(wc -c <"$work/token.txt")" -gt 30 ] || die "what was issued is no token: $(cat "$work/token.txt")"
}

# Waits until a token is issued, as after a boot, and leaves in `took` how many seconds that was: token_within SECONDS
token_within() { within "$1" openstack token issue -f value -c id; }
what_is_there() { on_host 'systemctl --no-pager list-units --failed; kolla-lang status'; }
