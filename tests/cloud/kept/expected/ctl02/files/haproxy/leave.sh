# HAProxy is about to end, and lets go of the VIPs first: keepalived reads the file that says so, and another host has them before nobody
# answers here. That is in a moment in which no request is being answered, if there is one soon: who asked would wait for ever.
set -o errexit -o pipefail -o nounset
folder=/var/lib/kolla/haproxy
answers() {
    grep -qE ' fe=() ' < <(socat -t 1 - "UNIX-CONNECT:$folder/haproxy.sock" <<< 'show sess')
}
holds() {
    local vip
    for vip in 10.0.0.250; do
        [ -z "$(ip -o addr show to "$vip")" ] || return 0
    done
    return 1
}
for _ in {1..200}; do answers || break; sleep 0.01; done
echo 1 > "$folder/leaving"
for _ in {1..50}; do holds || break; sleep 0.1; done
