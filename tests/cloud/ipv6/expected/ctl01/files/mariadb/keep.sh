# Galera runs this, and waits for it, when a member's place in the cluster changes. Data that it took over from another member are not on
# disk yet, and a power cut would leave them in pieces: before the member takes part, they are.
sync -f /var/lib/mysql
case " $* " in
    *" --status synced "*|*" --status donor "*) touch /tmp/serving; rm -f /var/lib/mysql/.restored ;;
    *) rm -f /tmp/serving ;;
esac
