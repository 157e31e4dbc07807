"""Sends requests through RabbitMQ and waits for their answers, as RPC does: `messages.py COUNT QUEUE`, with a JSON object on standard input,
`{"members": [[address, port], …], "user": …, "password": …}`.

One thread asks, another answers; each has a connection of its own, to the first member that takes it, and goes to the next one when it is lost. Both queues are made without a
word of their kind. A request that was not confirmed is sent again, as a client of RPC would; an answer is confirmed before its request is
acknowledged. Prints what it counted; `lost` are requests that were confirmed and have no answer 30 s after the last one was sent. After
a tenth of the requests it says `going`, so that somebody can take a member away.
"""

import json
import socket
import sys
import threading
import time

import amqp

count, queue = int(sys.argv[1]), sys.argv[2]
config = json.load(sys.stdin)
members = config["members"]
ERRORS = (amqp.AMQPError, OSError, socket.timeout)
answers_queue = queue + ".answers"
confirmed, answered, counted = set(), set(), {"connections": 0, "sent_again": 0}
is_over = threading.Event()


class Channel:
    """A channel that is opened anew, at the next member, whenever it fails."""

    def __init__(self, start, prepare):
        self.next, self.prepare, self.channel, self.connection = start, prepare, None, None

    def get(self):
        while self.channel is None:
            address, port = members[self.next % len(members)]
            self.next += 1
            try:
                self.connection = amqp.Connection(
                    f"{address}:{port}", userid=config["user"], password=config["password"], confirm_publish=True,
                    connect_timeout=5, read_timeout=10, write_timeout=10, heartbeat=0)
                self.connection.connect()
                counted["connections"] += 1
                self.channel = self.connection.channel()
                for name in (queue, answers_queue):
                    self.channel.queue_declare(name, durable=True, auto_delete=False)
                self.prepare(self.channel)
            except ERRORS:
                self.drop()
                time.sleep(0.2)
        return self.channel

    def drop(self):
        self.channel = None
        try:
            if self.connection is not None:
                self.connection.collect()
        except ERRORS:
            pass


def publish(channel, name, text):
    channel.basic_publish(amqp.Message(text, delivery_mode=2), exchange="", routing_key=name, mandatory=True)


def consume(start, name, handle):
    """Hands on each message of a queue until all is over."""

    def prepare(channel):
        def take(message):
            handle(channel, message.body)
            channel.basic_ack(message.delivery_tag)

        channel.basic_qos(0, 50, False)
        channel.basic_consume(name, callback=take)

    own = Channel(start, prepare)
    while not is_over.is_set():
        try:
            own.get()
            own.connection.drain_events(timeout=1)
        except socket.timeout:
            pass
        except ERRORS:
            own.drop()


def ask():
    own = Channel(0, lambda channel: None)
    for number in range(count):
        while True:
            try:
                publish(own.get(), queue, str(number))
                confirmed.add(str(number))
                break
            except ERRORS:
                counted["sent_again"] += 1
                own.drop()
        if number == count // 10:
            print("going", flush=True)
        time.sleep(0.01)


began = time.monotonic()
threads = [
    threading.Thread(target=consume, args=(0, queue, lambda channel, body: publish(channel, answers_queue, body)), daemon=True),
    threading.Thread(target=consume, args=(0, answers_queue, lambda channel, body: answered.add(body)), daemon=True),
]
for thread in threads:
    thread.start()
ask()
sent = time.monotonic()
while confirmed - answered and time.monotonic() - sent < 30:
    time.sleep(0.1)
is_over.set()
print(json.dumps({"confirmed": len(confirmed), "answered": len(answered), "lost": len(confirmed - answered),
                  "took_s": round(time.monotonic() - began, 1)} | counted))
sys.exit(bool(confirmed - answered) or len(confirmed) != count)
