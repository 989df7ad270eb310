"""Knock at a server's door by Python's ssl, and print what it answers: a program of its own.

    python knock.py PORT NAME TRUST REQUEST [CERTIFICATE KEY]

Exit 0 and the answer, or exit 1 and the alert: in TLS 1.3 it comes after the handshake.
"""

import socket
import ssl
import sys

port, name, trust, request, *own = sys.argv[1:]
context = ssl.create_default_context(cafile=trust)
if own:
    context.load_cert_chain(*own)
try:
    with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname=name) as door:
            door.sendall(request.encode().decode("unicode_escape").encode())
            answer = b""
            while part := door.recv(4096):
                answer += part
except (ssl.SSLError, ConnectionError) as error:
    sys.exit(str(error))
if not answer:
    sys.exit("closed without a word")
sys.stdout.write(answer.decode("latin-1"))
