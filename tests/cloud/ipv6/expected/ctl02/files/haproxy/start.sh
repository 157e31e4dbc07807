# Starts HAProxy, which is not about to end any more.
echo 0 > /var/lib/kolla/haproxy/leaving
exec /usr/sbin/haproxy -W -db -p /run/haproxy.pid -f /etc/haproxy/haproxy.cfg
