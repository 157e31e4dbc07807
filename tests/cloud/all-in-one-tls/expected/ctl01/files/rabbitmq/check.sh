# Answers 0 while this member takes part: it runs, has no alarm of memory or disk, in which it takes no messages, sees all others, and none of
# its virtual hosts is stopped. With `booting` it may also wait for the others at its start, as the first one of a cluster does. One question, as
# each starts a virtual machine of Erlang.
set -o errexit -o pipefail -o nounset
if [ "${1:-}" = booting ]; then waits=ok; else waits='exit(not_running)'; fi
exec rabbitmqctl -q eval "
    case rabbit:is_running() of
        false -> $waits;
        true -> case {rabbit_alarm:get_local_alarms(), rabbit_node_monitor:partitions(), rabbit_vhost_sup_sup:check()} of
            {[], [], []} -> ok;
            {Alarms, Partitions, Stopped} -> exit([{alarms, Alarms}, {partitions, Partitions}, {stopped, Stopped}])
        end
    end."
