# Makes the first user, project and role, and Keystone's own entry in the catalogue. Repeating it changes nothing.
set -o errexit -o pipefail -o nounset
export OS_BOOTSTRAP_USERNAME='admin' OS_BOOTSTRAP_PASSWORD='' OS_BOOTSTRAP_PROJECT_NAME='admin'
export OS_BOOTSTRAP_ROLE_NAME=admin OS_BOOTSTRAP_SERVICE_NAME=keystone OS_BOOTSTRAP_REGION_ID='RegionOne'
export OS_BOOTSTRAP_INTERNAL_URL='http://10.0.0.250:5000' OS_BOOTSTRAP_ADMIN_URL='http://10.0.0.250:5000' OS_BOOTSTRAP_PUBLIC_URL='http://10.0.0.250:5000'
exec sudo -E -H -u keystone keystone-manage bootstrap
