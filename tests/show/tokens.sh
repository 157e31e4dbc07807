# What the shows ask for tokens with while something happens: from the operator's place, through the VIP. Sourced after fleet.sh; `results` is
# the file that collects what was seen.
# shellcheck shell=bash

# Lets tokens.py ask as the administrator at a URL: who_asks URL
who_asks() {
  secrets show keystone/admin >"$work/password"
  python3 -B - "$work/password" "$1" >"$work/clouds.json" <<'PY'
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    password = file.read().rstrip("\n")
names = {"username": "admin", "project_name": "admin", "user_domain_name": "Default", "project_domain_name": "Default"}
print(json.dumps({"clouds": {"default": {"auth": {"auth_url": sys.argv[2], "password": password} | names}}}))
PY
}

# Asks for tokens in the background while a command of the operator runs, of which MOST may fail: asked_while NAME MOST WORD…
# A show that asks for more names another program as `asker`.
asked_while() {
  local name=$1 most=$2 asking code=0
  shift 2
  rm -f "$work/stop"
  nsenter "--net=/run/netns/$network" python3 -B "${asker:-tests/show/tokens.py}" "$work/stop" 1800 "$work/clouds.json" >"$work/tokens.json" 2>"$work/tokens.err" &
  asking=$!
  sleep 3
  (cd "$cloud" && nsenter "--net=/run/netns/$network" "$kolla" "$@") </dev/null 2>&1 |
    while IFS= read -r line; do printf '%(%s)T %s\n' -1 "$line"; done >"$work/$name.txt" || code=$?
  sleep 5
  touch "$work/stop"
  wait "$asking" || { cat "$work/tokens.err" >&2; die "the loop of token requests ended badly"; }
  [ "$code" = 0 ] || { sed 's/^/   | /' "$work/$name.txt" >&2; die "\`$*\` ended with $code"; }
  python3 -B tests/show/outage.py "$work/tokens.json" "$work/$name.txt" "$most" >"$work/outage.json" ||
    { sed 's/^/   | /' "$work/$name.txt" | tail -n 60 >&2; die "$name: $(cat "$work/outage.json")"; }
  printf '"%s": %s\n' "$name" "$(cat "$work/outage.json")" >>"$results"
  say "$name: $(cat "$work/outage.json")"
}

# Who has the VIP at an address: holder ADDRESS
holder() {
  local host
  for host in "${hosts[@]}"; do
    if [ -n "$(on "$host" "ip -o addr show to $1")" ]; then echo "$host"; fi
  done
}
# A host that has not: who switches first, so that the VIP moves as seldom as it can.
canary() { printf '%s\n' "${hosts[@]}" | grep -v "$(holder "$1")" | head -n 1; }

# How many hosts run which Keystone.
keystones() {
  on_each 'podman exec keystone python3 -c "import importlib.metadata as it; print(it.version(\"keystone\").split(\".\")[0])"' | sort | uniq -c | xargs
}
