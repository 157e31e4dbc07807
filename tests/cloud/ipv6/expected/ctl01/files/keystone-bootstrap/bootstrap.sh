# Makes the first user, project and role, and Keystone's own entry in the catalogue. Repeating it changes nothing.
set -o errexit -o pipefail -o nounset
# The interpreter is that of the image's own program.
read -r first < "$(command -v keystone-manage)"
exec sudo -H -u keystone ${first#\#!} /etc/kolla-task/bootstrap.py
