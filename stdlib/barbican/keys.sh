# Has the keys of projects encrypted by the first of Barbican's own keys. Fails, before anything else changes, if one of them is read by none of these.
set -o errexit -o pipefail -o nounset
# It goes on after an error and says so.
barbican-manage simple_crypto rewrap_pkek 2>&1 | tee /tmp/said
! grep --quiet '^Error occurred' /tmp/said
