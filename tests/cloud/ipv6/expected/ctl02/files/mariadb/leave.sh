# This member is about to end. It goes on answering until every load balancer has seen that nobody should come any more.
touch /tmp/leaving
sleep 3
