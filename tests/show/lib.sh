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

# Takes over compiled dependencies into another target folder that has none yet, and nothing else: take_compiled FOLDER PROFILE
take_compiled() {
  local part
  [ -d "$target/$2/deps" ] && ! [ -d "$1/$2" ] || return 0
  mkdir -p "$1/$2"
  for part in deps build .fingerprint; do cp -a "$target/$2/$part" "$1/$2/"; done
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

# The digest of what this show depends on, by its line `# inputs: ...` (tests/steps.py).
inputs_digest() { python3 "$root/tests/steps.py" digest "$show"; }

# A full run can be stopped and go on: finished points are lines of a file that belongs to this digest.
progress_file=
begin_points() {
  progress_file=$target/measured/$show.$(inputs_digest).points
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
