# Removes a user, if there is one: former-user.sh NAME. Connections that are its still are closed.
set -o errexit -o pipefail -o nounset
users=$(rabbitmqctl -q list_users --no-table-headers)
if cut -f 1 <<< "$users" | grep --quiet --line-regexp --fixed-strings -- "$1"; then
    rabbitmqctl delete_user "$1"
fi
