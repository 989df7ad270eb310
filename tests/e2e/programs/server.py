"""Judges one client's chain as a plain Python server does: server.py CA CERTIFICATE KEY.

It prints its port, and then its verdict.
"""

import socket
import ssl
import sys

ca, certificate, key = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
context.verify_mode = ssl.CERT_REQUIRED
context.load_cert_chain(certificate, key)
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    plain, _ = listener.accept()
    try:
        with context.wrap_socket(plain, server_side=True):
            print("accepted")
    except ssl.SSLError as error:
        print("refused:", error)
