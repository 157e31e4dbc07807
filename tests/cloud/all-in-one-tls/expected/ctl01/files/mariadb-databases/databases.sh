# Makes databases and their users. Repeating it changes nothing.
set -o errexit -o pipefail -o nounset
# The cluster is there: from now on this member joins it, as all others do.
rm -f /var/lib/mysql/my.cnf
exec mariadb --defaults-file=/etc/kolla-task/admin.cnf < /etc/kolla-task/databases.sql
