# At least one point of every class on a real systemd with real containers: a kill there, then the recovery that systemd starts at
# once, the next run, or a power cut. Sourced by tests/show/3a after lab.sh.
# shellcheck shell=bash

# class | what strace is told | what follows; a number counts from the moment that strace is there, so it says what it hit
real_points='
journal | -P /var/lib/kolla-lang/journal/open.journal -e inject=write:signal=KILL:when=2 | next
journal | -P /var/lib/kolla-lang/journal/open.journal -e inject=write:signal=KILL:when=4 | power
journal | -P /var/lib/kolla-lang/journal/open.journal -e inject=write:signal=KILL:when=6 | next
journal | -P /var/lib/kolla-lang/journal/open.journal -e inject=write:signal=KILL:when=9 | failure
journal | -P /var/lib/kolla-lang/journal/open.journal -e inject=write:signal=KILL:when=11 | power
sync | -P /var/lib/kolla-lang/journal/open.journal -e inject=fdatasync:signal=KILL:when=3 | next
sync | -P /var/lib/kolla-lang/journal/open.journal -e inject=fdatasync:signal=KILL:when=5 | power
sync | -P /etc/kolla-lang -e inject=fsync:signal=KILL:when=1 | failure
sync | -P /etc/kolla-lang -e inject=fsync:signal=KILL:when=1 | power
link | -e inject=rename:signal=KILL:when=5 | next
link | -e inject=rename:signal=KILL:when=5 | power
link | -e inject=rename:signal=KILL:when=6 | next
link | -e inject=rename:signal=KILL:when=6 | power
link | -P /run/kolla-lang/trial -e inject=unlink:signal=KILL:when=1 | failure
link | -P /run/kolla-lang/trial -e inject=unlink:signal=KILL:when=1 | power
name | -P /var/lib/kolla-lang/journal/open.journal -e inject=rename:signal=KILL:when=1 | failure
file | -P /var/lib/kolla-lang/history.jsonl -e inject=openat:signal=KILL:when=2 | next
unit | -e inject=sendmsg:signal=KILL:when=12 | next
unit | -e inject=sendmsg:signal=KILL:when=45 | power
program | -e inject=clone3:signal=KILL:when=3 | next
'
real_round=0 real_committed=0

# The next description: another round, and the other one of two services.
real_next() {
  real_round=$((real_round + 1))
  local side=left
  [ $((real_round % 2)) = 0 ] || side=right
  sed -e "s/^option round.*/option round : Int = $real_round/" -e "s/= \.left\$/= .$side/" "$example/cloud.kl" >"$cloud/cloud.kl"
  lab copy "$host" "$cloud" /root/cloud >/dev/null
}

real_check() { # what may hold
  local out=$work/real-check.txt
  lab exec "$host" -- sh /root/check.sh "$@" >"$out" 2>&1 || { sed 's/^/   | /' "$out" >&2; return 1; }
  real_committed=$(sed -n 's/^round //p' "$out")
}

real_point() { # CLASS ARGUMENTS FOLLOWS
  local class=$1 arguments=$2 follows=$3 code=0 held
  real_next
  held=$real_committed
  rm -f "$work/real.trace"
  # shellcheck disable=SC2086 # the arguments are words
  "$python" tests/crash/real/attach.py /root/cloud/marker "$work/real.trace" $arguments >/dev/null 2>"$work/attach.txt" &
  local attached=$!
  lab exec "$host" -- kolla-lang switch /root/cloud/cloud.kl --local >"$work/real-switch.txt" 2>&1 &
  local switcher=$!
  wait "$attached" || true
  grep -q 'killed by SIGKILL' "$work/real.trace" 2>/dev/null || { wait "$switcher" || true; say "missed: $class $arguments"; real_missed=$((real_missed + 1)); real_check "$held" "$real_round" || die "after a missed point"; return 0; }
  if [ "$follows" = power ]; then
    lab kill "$host" >/dev/null
    kill "$switcher" 2>/dev/null || true
    wait "$switcher" 2>/dev/null || true
    lab start "$host" >/dev/null
  elif [ "$follows" = failure ]; then
    wait "$switcher" || code=$?
    [ "$code" = 3 ] || [ "$code" = 0 ] || { sed 's/^/   | /' "$work/real-switch.txt" >&2; die "$class: the command ended with $code"; }
  else
    wait "$switcher" || true
    in_host 0 "$work/real-next.txt" kolla-lang switch /root/cloud/cloud.kl --local
    held=$real_round
  fi
  real_check "$held" "$real_round" || die "real: $class | $arguments | $follows"
  [ "$code" != 0 ] || [ "$follows" != failure ] || [ "$real_committed" = "$real_round" ] || die "$class: it said done, and $real_committed is committed"
  say "$(grep -B 1 'killed by SIGKILL' "$work/real.trace" | head -1 | cut -c 1-90)"
  say "  $class, then $follows: round $real_committed of $held and $real_round"
  real_hit=$((real_hit + 1))
}

real_all() { # HOW MANY
  real_hit=0 real_missed=0
  touch "$cloud/marker"
  lab_up
  real_next
  lab copy "$host" tests/crash/real/check.sh /root/check.sh >/dev/null
  switch_host_as_is
  real_check "$real_round" || die "the first switch"
  local row class arguments follows
  while IFS= read -r row; do
    [ -n "$row" ] || continue
    IFS='|' read -r class arguments follows <<<"$row"
    real_point "${class// /}" "$arguments" "${follows// /}"
  done < <(grep . <<<"$real_points" | if [ "$1" -ge 20 ]; then cat; else shuf -n "$1" --random-source=<(yes "$seed"); fi)
  [ $real_hit -gt 0 ] || die "no point was hit on the real one"
  say "$real_hit points on a real systemd, $real_missed missed"
}

switch_host_as_is() { in_host 0 "$work/switch.txt" kolla-lang switch /root/cloud/cloud.kl --local; }
