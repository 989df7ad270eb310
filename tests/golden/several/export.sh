#!/bin/sh
# Mutual TLS Authentication (mutual-tls), for OpenSSL 3.0.19
# Written by mtls-openssl export. It makes in the current folder what apply makes, and asks
# nobody; it checks nothing afterwards, as apply and verify do.
set -eu
umask 077
unset OPENSSL_CONF

# A key that is there already is never overwritten.
for key in \
  ca.key \
  web.key \
  directory.key \
  alice.key \
  bob.key \
  carol.key \
; do
  if test -e "$key"; then
    echo "$key is there already: run this in an empty folder" >&2
    exit 1
  fi
done

# Secrets, from the environment:
: "${ALICE_PASSWORD:?the export password of alice2.p12}"
: "${MTLS_CAROL2_P12_PASSWORD:?the export password of carol2.p12}"
export ALICE_PASSWORD
export MTLS_CAROL2_P12_PASSWORD

# Nothing here belongs into a repository.
test -e .gitignore || printf '*\n' > .gitignore

# 1.1 ca: Generate CA key
# The CA's key pair. Whoever has this file can make certificates that your servers and clients
# believe, so it stays where it was made, readable by its owner only.
openssl genrsa -out ca.key 4096

# 1.2 ca: Generate CA certificate request
# A request holds the public key and the name that the certificate shall bear, and is signed with
# the key, to prove that whoever asks has it.
openssl req -new -key ca.key -out ca.csr -subj /C=US/O=Example/CN=Root/

# 1.3 ca: Self-sign the CA certificate
# A root CA has no issuer above it: it signs its request with its own key. The result is the trust
# anchor that every server and client is told to trust.
openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem

# 2.1 web: Generate server key
# The server's own key pair. A server that starts by itself needs it without a pass phrase, so its
# file's mode is its only protection.
openssl genrsa -out web.key 2048

# 2.2 web: Generate server certificate request
# The common name is the server's host name: clients of this tutorial's time compared it with the
# name they connected to.
openssl req -new -key web.key -out web.csr -subj /C=US/O=Example/CN=www.example.com/

# 2.3 web: Sign the server certificate with the CA
# The CA vouches for the server: it takes the request's name and public key, adds itself as
# issuer, a serial number and the days of validity, and signs.
openssl x509 -req -in web.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out www.example.com.pem -days 365

# 2.1 directory: Generate server key
openssl genrsa -out directory.key 2048

# 2.2 directory: Generate server certificate request
openssl req -new -key directory.key -sha384 -out directory.csr -subj /C=US/O=Example/CN=ldap.example.com/

# 2.3 directory: Sign the server certificate with the CA
openssl x509 -req -sha384 -in directory.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out ldap.example.com.pem -days 365

# 3.1 alice: Generate client key
# The client's own key pair, with which it will prove to the server who it is.
openssl genrsa -out alice.key 2048

# 3.2 alice: Generate client certificate request
# The subject is the identity that the server will see and may log or map to a user.
openssl req -new -key alice.key -out alice.csr -subj /C=US/O=Example/CN=alice/

# 3.3 alice: Sign the client certificate with the CA
# The same as for the server. Because server and client certificates have one issuer, the server
# needs to trust only ca.pem to know its clients.
openssl x509 -req -in alice.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out alice.pem -days 365

# 3.4 alice: Combine certificate and key
# Some clients want one file with both. It holds the key, so guard it like the key.
cat alice.pem alice.key > alice2.pem

# 3.5 alice: Export certificate and key as PKCS#12
# The form that browsers and keychains import. It is protected by an export password, which they
# will ask for.
openssl pkcs12 -passout env:ALICE_PASSWORD -export -clcerts -in alice.pem -inkey alice.key -out alice2.p12

# 3.1 bob: Generate client key
openssl genrsa -out bob.key 2048

# 3.2 bob: Generate client certificate request
openssl req -new -key bob.key -out bob.csr -subj /C=US/O=Example/CN=bob/

# 3.3 bob: Sign the client certificate with the CA
openssl x509 -req -in bob.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out bob.pem -days 30

# 3.4 bob: Combine certificate and key
cat bob.pem bob.key > bob2.pem

# 3.5 bob: Export certificate and key as PKCS#12
openssl pkcs12 -passout file:/home/me/./bob.txt -export -clcerts -in bob.pem -inkey bob.key -out bob2.p12

# 3.1 carol: Generate client key
openssl genrsa -out carol.key 2048

# 3.2 carol: Generate client certificate request
openssl req -new -key carol.key -out carol.csr -subj /C=US/O=Example/OU=People/OU=Friends/CN=carol/

# 3.3 carol: Sign the client certificate with the CA
openssl x509 -req -in carol.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out carol.pem -days 365

# 3.4 carol: Combine certificate and key
cat carol.pem carol.key > carol2.pem

# 3.5 carol: Export certificate and key as PKCS#12
openssl pkcs12 -passout env:MTLS_CAROL2_P12_PASSWORD -export -clcerts -in carol.pem -inkey carol.key -out carol2.p12
