# Makes databases and users what they are described to be. Repeating it changes nothing.
set -o errexit -o pipefail -o nounset
# The cluster is there, and never again new.
rm -f /var/lib/mysql/.new
exec mariadb --defaults-file=/etc/kolla-task/member.cnf < /etc/kolla-task/databases.sql
