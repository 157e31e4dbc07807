"""Speaks to a port, with TLS or without, and prints what came of it in one line. Exit 0: it got an answer.

`tls.py AUTHORITIES HOST PORT [NAME]` trusts the certificates of one file alone and wants one for NAME, else for HOST; it prints the
protocol and the serial number of the certificate. `tls.py plain HOST PORT TEXT` sends a text as it is, `\\r`, `\\n` and `\\0` read, and prints
what came back.
"""

import codecs
import socket
import ssl
import struct
import sys

MYSQL = 3306  # TLS begins here within a connection, when the client asks for it


def begin_mysql(connection):
    """Reads the greeting of MariaDB and asks for TLS: the packet SSLRequest of its protocol."""
    size = struct.unpack("<I", connection.recv(4, socket.MSG_WAITALL)[:3] + b"\0")[0]
    connection.recv(size, socket.MSG_WAITALL)
    flags = 0x200 | 0x800 | 0x8000  # protocol 4.1, TLS, secure connection
    connection.sendall(struct.pack("<IIIB23x", 32 | 1 << 24, flags, 1 << 24, 45))


trusted, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
word = sys.argv[4] if len(sys.argv) > 4 else None
try:
    connection = socket.create_connection((host, port), timeout=10)
    if trusted == "plain":
        connection.sendall(codecs.decode(word, "unicode_escape").encode())
        answer = connection.recv(100)
        print(answer)
        # A closed connection and an alert of TLS are no answers.
        sys.exit(0 if answer and answer[0] != 0x15 else 1)
    if port == MYSQL:
        begin_mysql(connection)
    context = ssl.create_default_context(cafile=trusted)
    secure = context.wrap_socket(connection, server_hostname=word or host)
    print(secure.version(), secure.getpeercert()["serialNumber"])
except OSError as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
