# Answers 0 while this member is in step with the others.
set -o errexit -o pipefail -o nounset
state=$(mariadb --skip-column-names --silent --connect-timeout=5 --execute="SHOW STATUS LIKE 'wsrep_local_state_comment'")
echo "${state:-no state}"
[ "${state##*[[:space:]]}" = Synced ]
