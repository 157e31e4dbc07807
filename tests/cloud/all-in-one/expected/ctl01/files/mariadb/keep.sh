# Galera runs this, and waits for it, when a member's place in the cluster changes. Data that it took over from another member are not on
# disk yet, and a power cut would leave them in pieces: before the member takes part, they are.
exec sync -f /var/lib/mysql
