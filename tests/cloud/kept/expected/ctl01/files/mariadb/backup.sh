# Copies all databases as they are at one moment, ready to be used, and keeps the newest copies. Nobody waits for it.
set -o errexit -o pipefail -o nounset
log=/var/log/kolla/mariadb/mariadb-backup.log
logged() { "$@" >> "$log" 2>&1 || { tail -n 3 "$log" >&2; exit 1; }; }
cd /backup
rm -rf .part
logged mariadb-backup --backup --galera-info --user=mysql --target-dir=.part
logged mariadb-backup --prepare --target-dir=.part
sync -f .
name=$(date --utc +%Y-%m-%dT%H-%M-%SZ)
mv .part "$name"
sync -f .
echo "$name"
ls -d 20*Z | head -n -4 | xargs -r rm -rf --
