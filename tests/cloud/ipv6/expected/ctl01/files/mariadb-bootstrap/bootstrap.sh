# Makes the first data of the cluster. What a killed run left behind is ours and made anew; any other data stays as it is.
set -o errexit -o pipefail -o nounset
data=/var/lib/mysql
if [ -e "$data/mysql" ] && [ ! -e "$data/.bootstrapping" ]; then
    echo "there is data already: nothing to do"
    exit 0
fi
find "$data" -mindepth 1 -delete
touch "$data/.bootstrapping"
# Kolla's own script would do this too, and show the password to everybody who lists processes while it does.
mkdir -p /var/log/kolla/mariadb
{
    mariadb-install-db --skip-test-db
    mariadbd --bootstrap --wsrep-on=OFF < /etc/kolla-task/root.sql
} 2>&1 | tee -a /var/log/kolla/mariadb/mariadb-bootstrap.log
# Until the cluster is healthy this says that it never was; the first member begins with it, unless another one has data.
touch "$data/.new"
rm "$data/.bootstrapping"
sync
