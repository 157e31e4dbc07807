#!/bin/bash
# Answers 0 as long as HAProxy answers on its socket.
echo "show info" | socat unix-connect:/var/lib/kolla/haproxy/haproxy.sock stdio > /dev/null
