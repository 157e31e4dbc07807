#!/bin/sh
# What must hold on a real host when a switch is over, whatever ended it: check.sh ROUND… (those that may hold)
boot=/etc/kolla-lang/boot
bad=0
wrong() { echo "NOT AS PROMISED: $*"; bad=1; }

# What is over is forgotten a moment after its last word, and a service that systemd starts again takes its time.
i=0
while systemctl list-units --all --plain --no-legend 'kolla-lang-revert*' 'kolla-lang-switch*' | grep -q . ||
  systemctl list-jobs --no-legend | grep -q . || systemctl list-units --plain --no-legend --state=activating | grep -q .; do
  i=$((i + 1))
  [ $i -lt 300 ] || { wrong "left: $(systemctl list-units --all --plain --no-legend 'kolla-lang-*')"; break; }
  sleep 0.2
done
[ ! -e /run/kolla-lang/trial ] || wrong "a trial is left"
[ ! -e /var/lib/kolla-lang/journal/open.journal ] || wrong "a transaction is open"

round=$(sed -n 's/^Environment=ROUND=//p' $boot/quadlet/web/web.container)
case " $* " in *" $round "*) ;; *) wrong "round $round is committed, not one of $*" ;; esac
podman ps --format '{{.Names}} {{index .Labels "kolla-lang.digest"}}' | sort >/tmp/runs
for file in "$boot"/quadlet/*/*.container; do
  grep -q '^Type=oneshot' "$file" && continue
  echo "$(sed -n 's/^ContainerName=//p' "$file") $(sed -n 's/^Label=kolla-lang.digest=//p' "$file")"
done | sort >/tmp/wanted
diff /tmp/wanted /tmp/runs >/tmp/differs || wrong "other containers run than are committed: $(cat /tmp/differs)"
for unit in web left right; do
  loaded=$(systemctl show -p LoadState --value $unit.service)
  if [ -e "$boot/quadlet/$unit" ]; then [ "$loaded" = loaded ]; else [ "$loaded" = not-found ]; fi || wrong "$unit.service is $loaded"
done
kolla-lang status >/tmp/status 2>&1 || wrong "status: $(cat /tmp/status)"

log=/var/lib/containers/storage/volumes/data/_data/log
[ "$(grep -l "\"seed/$round\"" /var/lib/kolla-lang/done/*.json | wc -l)" = 1 ] || wrong "no stamp of the task of round $round"
grep -qx "$round" "$log" || wrong "the task of round $round never ran"
[ "$(sort "$log" | uniq -c | awk '$1 > 2' | wc -l)" = 0 ] || wrong "a task ran more than twice: $(sort "$log" | uniq -c | tr '\n' ' ')"
echo "round $round"
exit $bad
