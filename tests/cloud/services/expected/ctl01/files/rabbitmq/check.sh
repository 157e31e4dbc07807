# Answers 0 while this member takes part: it runs, has no alarm of memory or disk, in which it takes no messages, sees all others, and none of
# its virtual hosts is stopped. One question, as each starts a virtual machine of Erlang.
set -o errexit -o pipefail -o nounset
exec rabbitmqctl -q eval '
    case {rabbit:is_running(), rabbit_alarm:get_local_alarms(), rabbit_node_monitor:partitions(), rabbit_vhost_sup_sup:check()} of
        {true, [], [], []} -> ok;
        {Running, Alarms, Partitions, Stopped} -> exit([{running, Running}, {alarms, Alarms}, {partitions, Partitions}, {stopped, Stopped}])
    end.'
