#!/bin/sh
# Mutual TLS Authentication (mutual-tls), for OpenSSL 1.1.1w
# Written by mtls-openssl export. It makes in the current folder what apply makes, and asks
# nobody; it checks nothing afterwards, as apply and verify do.
set -eu
umask 077
unset OPENSSL_CONF

# A key that is there already is never overwritten.
for key in \
  ca.key \
  phone.key \
; do
  if test -e "$key"; then
    echo "$key is there already: run this in an empty folder" >&2
    exit 1
  fi
done

# Secrets, from the environment:
: "${PHONE_PASSWORD:?the export password of phone2.p12}"
export PHONE_PASSWORD

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
openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem

# 3.1 phone: Generate client key
# The client's own key pair, with which it will prove to the server who it is.
openssl genrsa -out phone.key 2048

# 3.2 phone: Generate client certificate request
# The subject is the identity that the server will see and may log or map to a user.
openssl req -new -key phone.key -out phone.csr -subj /C=US/O=Example/CN=phone/

# 3.3 phone: Sign the client certificate with the CA
# The same as for the server. Because server and client certificates have one issuer, the server
# needs to trust only ca.pem to know its clients.
openssl x509 -req -in phone.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out phone.pem -days 365

# 3.4 phone: Combine certificate and key
# Some clients want one file with both. It holds the key, so guard it like the key.
cat phone.pem phone.key > phone2.pem

# 3.5 phone: Export certificate and key as PKCS#12
# The form that browsers and keychains import. It is protected by an export password, which they
# will ask for.
openssl pkcs12 -passout env:PHONE_PASSWORD -export -clcerts -in phone.pem -inkey phone.key -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -out phone2.p12
