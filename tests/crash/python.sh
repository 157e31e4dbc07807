# Finds a python that can speak D-Bus: the one in PATH, or Debian's own.
# Sourced after lib.sh.
# shellcheck shell=bash
for python in python3 /usr/bin/python3; do
  "$python" -c 'import jeepney' 2>/dev/null && break
done
"$python" -c 'import jeepney' || die "no python with jeepney (Debian: python3-jeepney)"
export PYTHONDONTWRITEBYTECODE=1
