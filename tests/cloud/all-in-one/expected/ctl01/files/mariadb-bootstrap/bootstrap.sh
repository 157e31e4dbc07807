# Makes the first data of the cluster. What a killed run left behind is ours and made anew; any other data stays as it is.
set -o errexit -o pipefail -o nounset
data=/var/lib/mysql
if [ -e "$data/mysql" ] && [ ! -e "$data/.bootstrapping" ]; then
    echo "there is data already: nothing to do"
    exit 0
fi
find "$data" -mindepth 1 -delete
touch "$data/.bootstrapping"
set +o nounset
(
    export KOLLA_BOOTSTRAP= DB_ROOT_PASSWORD='' DB_MAX_TIMEOUT=60
    . /usr/local/bin/kolla_extend_start
)
rm "$data/.bootstrapping"
