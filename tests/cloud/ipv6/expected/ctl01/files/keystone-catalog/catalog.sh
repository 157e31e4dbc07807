# Makes Keystone's catalogue and the users of services be what the description says.
set -o errexit -o pipefail -o nounset
export OS_CLIENT_CONFIG_FILE=/etc/kolla-task/clouds.yaml OS_CLOUD=default
# The interpreter is that of the image's own program.
read -r first < "$(command -v openstack)"
exec ${first#\#!} /etc/kolla-task/catalog.py
