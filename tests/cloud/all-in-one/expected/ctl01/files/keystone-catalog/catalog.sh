# Makes the service catalogue be what the cloud's endpoints say. Repeating it changes nothing.
set -o errexit -o pipefail -o nounset
export OS_CLIENT_CONFIG_FILE=/etc/kolla-task/clouds.yaml OS_CLOUD=default

service() { # name type
    openstack service show "$1" > /dev/null 2>&1 || openstack service create --name "$1" "$2"
}

endpoint() { # service interface url
    local id
    id=$(openstack endpoint list --service "$1" --interface "$2" --region='RegionOne' -f value -c ID)
    if [ -z "$id" ]; then
        openstack endpoint create --region='RegionOne' "$1" "$2" "$3"
    else
        openstack endpoint set --url "$3" "$id"
    fi
}

service 'keystone' 'identity'
endpoint 'keystone' internal 'http://10.0.0.250:5000'
endpoint 'keystone' public 'http://10.0.0.250:5000'
