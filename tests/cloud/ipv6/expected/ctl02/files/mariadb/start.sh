# Starts a member of the cluster, once the listener of its host has said how: whether it joins the others, or begins with its own data.
set -o errexit -o pipefail -o nounset
data=/var/lib/mysql
set --

# How far this member had come, as the listener wants it. While a member runs or takes over the data of another one, the number in its
# state file is none; what InnoDB has on disk is asked for then, as mariadbd-safe does. A state of zeros means data that are not whole.
recovered=
position() {
    if [ -e "$data/.new" ] || [ -e "$data/.restored" ]; then echo new; return; fi
    if [ ! -e "$data/mysql" ] || grep -q '^uuid: *00000000-' "$data/grastate.dat" 2>/dev/null; then echo nothing; return; fi
    case $recovered in
        ''|00000000-*|*:-1) echo unreadable ;;
        *) echo "$recovered$(sed -n 's/^safe_to_bootstrap: *1$/ last/p' "$data/grastate.dat" 2>/dev/null)" ;;
    esac
}

# Asks the listener. It answers when it knows; until then, and while there is nobody to ask, this waits.
told() {
    local word
    coproc listener { exec socat - UNIX-CONNECT:/run/kolla-lang/rejoin/galera/member; }
    printf 'member %s\n' "$1" >&"${listener[1]}" || return
    read -r word <&"${listener[0]}" || return
    echo "$word"
}

if [ "$(position)" != new ] && [ -e "$data/mysql" ]; then
    recovered=$(mariadbd --wsrep-recover --disable-log-error 2>&1 | sed -n 's/.*WSREP: Recovered position: *//p' | tail -n 1 | cut -d, -f1) || recovered=
fi
position=$(position)
until word=$(told "$position" 2>/dev/null); do sleep 1; done

# Galera begins with what its state file says, and only if that says that it is safe: all members said that it is. Without the file it makes
# another history of the data.
case $word in
    begin)
        [ -z "$recovered" ] ||
            printf '# GALERA saved state\nversion: 2.1\nuuid:    %s\nseqno:   %s\nsafe_to_bootstrap: 1\n' \
                "${recovered%%:*}" "${recovered##*:}" > "$data/grastate.dat"
        ;;
    begin-anew)
        recovered=
        rm -f "$data/grastate.dat"
        ;;
esac
[ "$word" = join ] || set -- --wsrep-new-cluster
[ -z "$recovered" ] || set -- "--wsrep_start_position=$recovered" "$@"
# Load balancers ask here whether clients should come: from when this member is in step with the others, which its `keep.sh` hears of, until
# it is about to end, which its `leave.sh` says.
socat -U 'TCP6-LISTEN:4570,bind=[fd00:20::c]',fork,reuseaddr SYSTEM:'test ! -e /tmp/serving || test -e /tmp/leaving || echo ready' &
exec mariadbd "$@"
