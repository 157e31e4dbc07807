# Brings the server's own tables to its version, member by member: what is changed in them is not replicated. Repeating it changes nothing.
set -o errexit -o pipefail -o nounset
for member in '10.0.0.11' ; do
    echo "upgrading the tables of $member"
    # What it did is noted in the data of this member alone, and says nothing of others.
    mariadb-upgrade --defaults-file=/etc/kolla-task/admin.cnf --host="$member" --force --silent
done
