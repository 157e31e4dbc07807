# Makes the service catalogue be what the cloud's endpoints say. Repeating it changes nothing. All is asked by one process: to start the
# command `openstack` for each question takes longer than everything else here.
set -o errexit -o pipefail -o nounset
export OS_CLIENT_CONFIG_FILE=/etc/kolla-task/clouds.yaml OS_CLOUD=default

# The interpreter is that of the image's own program.
read -r first < "$(command -v openstack)"
# The region; then of each service its name, its type, its internal and its public URL.
${first#\#!} - 'RegionOne' \
    'keystone' 'identity' 'https://[fd00:20::250]:5000' 'https://api.cloud.example:5000' << 'PYTHON'
import sys

import openstack

region, *words = sys.argv[1:]
identity = openstack.connect().identity
services = {it.name: it for it in identity.services()}
endpoints = {(it.service_id, it.interface, it.region_id): it for it in identity.endpoints()}
for name, kind, internal, public in zip(*[iter(words)] * 4):
    service = services.get(name) or identity.create_service(name=name, type=kind)
    for interface, url in [('internal', internal), ('public', public)]:
        endpoint = endpoints.get((service.id, interface, region))
        if endpoint is None:
            identity.create_endpoint(service_id=service.id, interface=interface, region_id=region, url=url)
        elif endpoint.url != url:
            identity.update_endpoint(endpoint, url=url)
PYTHON
