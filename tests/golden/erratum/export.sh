#!/bin/sh
# Mutual TLS Authentication (mutual-tls), for OpenSSL 3.5.0
# Written by mtls-openssl export. It makes in the current folder what apply makes, and asks
# nobody; it checks nothing afterwards, as apply and verify do.
set -eu
umask 077
unset OPENSSL_CONF

# A key that is there already is never overwritten.
for key in \
  ca.key \
  server.key \
; do
  if test -e "$key"; then
    echo "$key is there already: run this in an empty folder" >&2
    exit 1
  fi
done

# Nothing here belongs into a repository.
test -e .gitignore || printf '*\n' > .gitignore

# 1.1 ca: Generate CA key
# The CA's key pair. Whoever has this file can make certificates that your servers and clients
# believe, so it stays where it was made, readable by its owner only.
openssl genrsa -out ca.key 2048

# 1.2 ca: Generate CA certificate request
# A request holds the public key and the name that the certificate shall bear, and is signed with
# the key, to prove that whoever asks has it.
openssl req -new -key ca.key -out ca.csr -subj /C=US/O=Example/CN=Root/

# 1.3 ca: Self-sign the CA certificate
# A root CA has no issuer above it: it signs its request with its own key. The result is the trust
# anchor that every server and client is told to trust.
# Erratum for OpenSSL >= 3.2: Since OpenSSL 3.2, x509 -req makes a version 3 certificate also
# where no extensions are asked for, and a version 3 certificate without basicConstraints is no
# CA: OpenSSL, Go, Java and Firefox refuse every certificate under it (error 79, invalid CA
# certificate). The extensions say that it is one.
cat > ca.ext <<'EOF'
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
EOF
openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem -extfile ca.ext

# 2.1 server: Generate server key
# The server's own key pair. A server that starts by itself needs it without a pass phrase, so its
# file's mode is its only protection.
openssl genrsa -out server.key 2048

# 2.2 server: Generate server certificate request
# The common name is the server's host name: clients of this tutorial's time compared it with the
# name they connected to.
openssl req -new -key server.key -out server.csr -subj /C=US/O=Example/CN=www.example.com/

# 2.3 server: Sign the server certificate with the CA
# The CA vouches for the server: it takes the request's name and public key, adds itself as
# issuer, a serial number and the days of validity, and signs.
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out www.example.com.pem -days 365
