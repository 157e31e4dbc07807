# This member is about to end: leave.sh FILE URL ADDRESS:PORT, the file that has its health check fail, its check, and where it listens.
# uWSGI leaves those without an answer who wait for a process at its end. So it goes on until load balancers, which ask each second, have been told twice
# that nobody should come any more, and whoever came before has an answer.
touch "$1"
for _ in 1 2 3; do
  # Who asks now is answered after all who came before.
  curl --disable --silent --insecure --output /dev/null --max-time 20 "$2"
  sleep 1
done
while ss --no-header --tcp --numeric state established src "$3" | grep --quiet .; do sleep 0.2; done
