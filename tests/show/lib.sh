# Shared by the scripts of tests/show: where things are, how they speak, and the record of a full run.
# Sourced, never run. A script ends with 0 when its promise was seen to hold, 77 when it was left out, anything else when not.
# shellcheck shell=bash

set -Eeuo pipefail
# A command that ends a script without a word is named; not one that was still writing when nobody read any more.
trap 'code=$?; [ $code = 141 ] || printf "   %s:%s: \`%s\` ended with %s\n" "${BASH_SOURCE[0]}" "$LINENO" "$BASH_COMMAND" $code >&2' ERR
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$root/$target ;; esac
show=$(basename "$0")
full=${FULL:-no}
seed=${SEED:-1}
kolla=${KOLLA:-$target/release/kolla-lang} # KOLLA names another binary, which is then not built

say() { printf '   %s\n' "$*"; }
die() { printf '   NOT AS PROMISED: %s\n' "$*" >&2; exit 1; }
leave_out() { printf '   left out: %s\n' "$*"; exit 77; }

# A folder of this run alone, gone with it. `scratch memory` takes it from memory where there is room, for a show that writes
# and removes so many files that a slow disk would decide how long it takes.
scratch() { # [memory]
  local above=${TMPDIR:-/tmp} room
  room=$(df -k --output=avail /dev/shm 2>/dev/null | tail -1) || room=0
  if [ "${1:-}" = memory ] && [ -w /dev/shm ] && [ "${room:-0}" -gt $((4 << 20)) ]; then above=/dev/shm; fi
  work=$(mktemp -d "$above/kolla-lang-show-$show.XXXXXX")
  trap 'rm -rf "$work"' EXIT
}

# The tool of this checkout, built once.
build_tool() {
  [ -z "${KOLLA:-}" ] || return 0
  cargo build --release --quiet
  [ -x "$kolla" ] || die "cargo build --release made no $kolla"
}

# Takes over what is compiled into another target folder that has nothing yet, so that only this workspace is compiled there:
# take_compiled FOLDER PROFILE. Libraries are linked, as cargo does itself; programs of the tests, which are most of it, stay.
take_compiled() {
  local part
  [ -d "$target/$2/deps" ] && ! [ -d "$1/$2" ] || return 0
  mkdir -p "$1/$2/deps"
  find "$target/$2/deps" -maxdepth 1 -name 'lib*' -exec cp -l -t "$1/$2/deps" -- {} +
  for part in build .fingerprint; do cp -a "$target/$2/$part" "$1/$2/"; done
}

# Runs a command, keeps what it printed, and wants this exit code: expect CODE FILE command…
expect() {
  local want=$1 out=$2 code=0
  shift 2
  "$@" >"$out" 2>&1 || code=$?
  [ "$code" = "$want" ] || { sed 's/^/   | /' "$out" >&2; die "\`$*\` ended with $code, not $want"; }
}

# Wants two words to be the same: is FOUND EXPECTED
is() { [ "$1" = "$2" ] || die "\"$1\", not \"$2\""; }

# Wants a line in a file: has FILE PATTERN
has() { grep -qE -- "$2" "$1" || { sed 's/^/   | /' "$1" >&2; die "no line like /$2/ above"; }; }
has_not() { ! grep -qE -- "$2" "$1" || { grep -E -- "$2" "$1" | head -3 | sed 's/^/   | /' >&2; die "a line like /$2/"; }; }

# Waits until a command ends well, and leaves in `took` how many seconds that was: within SECONDS command…
# Where it does not, `what_is_there` tells more, which a show may define. It rests as long as the command took, so that what asks much of the machine does not keep it from getting there.
within() {
  local began=$SECONDS limit=$1 asked spent
  shift
  while asked=${EPOCHREALTIME/[.,]/}; ! "$@" >"$work/within.txt" 2>&1; do
    spent=$((${EPOCHREALTIME/[.,]/} - asked))
    [ $((SECONDS - began)) -lt "$limit" ] || { sed 's/^/   | /' "$work/within.txt" >&2; what_is_there >&2 || true; die "\`$*\` did not end well within $limit s"; }
    [ "$spent" -ge 100000 ] || spent=100000
    sleep "$((spent / 1000000)).$(printf %06d $((spent % 1000000)))"
  done
  # shellcheck disable=SC2034 # for whoever tells it
  took=$((SECONDS - began))
}
what_is_there() { :; }

# The digest of what this show depends on: of what it is about, `+`, of the whole program (tests/steps.py).
inputs_digest() { python3 "$root/tests/steps.py" digest "$show"; }

# A full run can be stopped and go on: finished points are lines of a file that belongs to what it is about as it is.
progress_file=
begin_points() {
  progress_file=$(inputs_digest)
  progress_file=$target/measured/$show.${progress_file%+*}.points
  mkdir -p "$target/measured"
  [ "$full" = yes ] || rm -f "$progress_file"
  touch "$progress_file"
}
point_done() { [ "$full" = yes ] && grep -qxF -- "$1" "$progress_file"; }
mark_point() { printf '%s\n' "$1" >>"$progress_file"; }

# Writes docs/measured/NAME.json after a full run: record RESULTS_JSON (an object of what was seen).
record() {
  [ "$full" = yes ] || return 0
  mkdir -p "$root/docs/measured"
  local points=0
  [ -z "$progress_file" ] || points=$(wc -l <"$progress_file")
  python3 - "$root/docs/measured/$show.json" "$show" "$(inputs_digest)" "$points" "$1" <<'PY'
import json, os, platform, sys, time
path, show, digest, points, results = sys.argv[1:]
memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
record = {
    "version": 2, "show": show, "inputs_sha256": digest, "points": int(points),
    "date": time.strftime("%Y-%m-%d", time.gmtime()),
    "machine": {"cores": os.cpu_count(), "memory_gib": round(memory / 2**30), "kernel": platform.release().split("-")[0]},
    "results": json.loads(results),
}
with open(path, "w", encoding="utf-8") as file:
    json.dump(record, file, indent=2, sort_keys=True)
    file.write("\n")
PY
  [ -z "$progress_file" ] || rm -f "$progress_file"
  say "wrote docs/measured/$show.json"
}
