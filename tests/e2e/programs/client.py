"""Judges a server's chain as a plain Python client does: client.py CA HOST PORT."""

import socket
import ssl
import sys

ca, host, port = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
try:
    with socket.create_connection(("127.0.0.1", int(port)), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname=host):
            print("accepted")
except ssl.SSLError as error:
    print("refused:", error)
