#!/bin/sh
# Client certificates with an encrypted CA (encrypted-ca), for OpenSSL 3.0.19
# Written by mtls-openssl export. It makes in the current folder what apply makes, and asks
# nobody; it checks nothing afterwards, as apply and verify do.
set -eu
umask 077
unset OPENSSL_CONF

# A key that is there already is never overwritten.
for key in \
  ca/ca.key \
  server/server.example.com.key \
  'client/jürgen.key' \
; do
  if test -e "$key"; then
    echo "$key is there already: run this in an empty folder" >&2
    exit 1
  fi
done

# Secrets, from the environment:
: "${MTLS_CA_KEY_PASSPHRASE:?the pass phrase of ca/ca.key}"
: "${MTLS_J_RGEN_P12_PASSWORD:?the export password of client/jürgen.p12}"
export MTLS_CA_KEY_PASSPHRASE
export MTLS_J_RGEN_P12_PASSWORD

# Nothing here belongs into a repository.
test -e .gitignore || printf '*\n' > .gitignore

# 0 Make the folders
# The files stand in folders of their own, which openssl does not make.
mkdir -p ca server client

# 1.1 ca: Generate the CA's key, encrypted
# -aes256 encrypts the key under a pass phrase, asked for twice. Every later use of the key asks
# for it again: a stolen file alone is of no use.
openssl genrsa -passout env:MTLS_CA_KEY_PASSPHRASE -aes256 -out ca/ca.key 4096

# 1.2 ca: Let only the owner read the key
# Mode 400 also keeps the owner from overwriting the key by accident.
chmod 400 ca/ca.key

# 1.3 ca: Make the CA's self-signed certificate
# -x509 makes a self-signed certificate at once, instead of a request. The subject is asked for
# field by field; Enter takes the default in brackets, and a single dot leaves a field out.
openssl req -passin env:MTLS_CA_KEY_PASSPHRASE -subj '/C=DE/O=Größe & Söhne, "GmbH"/CN=Wurzel für alle' -new -x509 -utf8 -sha256 -days 730 -key ca/ca.key -out ca/ca.crt

# 1.4 ca: Let everyone read the certificate
# A certificate is public; every server and client needs this one.
chmod 444 ca/ca.crt

# 1.5 ca: Look at the CA certificate
# Read subject, issuer (the same), validity, and CA:TRUE under the extensions.
openssl x509 -noout -text -in ca/ca.crt

# 2.1 server.example.com: Generate the server's key
# Without a pass phrase, so that the server can start unattended.
openssl genrsa -out server/server.example.com.key 2048

# 2.2 server.example.com: Let only the owner read the key
# The mode is the only protection that this key has.
chmod 400 server/server.example.com.key

# 2.3 server.example.com: Request a certificate
# The common name is the server's host name. The challenge password and the optional company name
# that are asked for last stay empty.
openssl req -subj /C=DE/O=Example/CN=server.example.com -new -key server/server.example.com.key -sha256 -out server/server.example.com.csr

# 2.4 server.example.com: Sign the server's certificate
# The CA signs with its key, which asks for the pass phrase. The serial number is set by hand;
# under one CA no number may be used twice.
openssl x509 -passin env:MTLS_CA_KEY_PASSPHRASE -req -days 365 -sha256 -in server/server.example.com.csr -CA ca/ca.crt -CAkey ca/ca.key -set_serial 1 -out server/server.example.com.crt

# 2.5 server.example.com: Let everyone read the certificate
# The server shows it to everyone who connects.
chmod 444 server/server.example.com.crt

# 2.6 server.example.com: Look at the server certificate
# The issuer is the CA's subject now.
openssl x509 -noout -text -in server/server.example.com.crt

# 2.7 server.example.com: Verify it against the CA
# What every client will do. It answers with the file's name and OK.
openssl verify -CAfile ca/ca.crt server/server.example.com.crt

# 3.1 jürgen: Generate the client's key
# The key with which the client proves who it is.
openssl genrsa -out 'client/jürgen.key' 2048

# 3.2 jürgen: Request a certificate
# The common name is the person or device; the server sees it and may log it.
openssl req -subj '/C=DE/O=Example/CN=王小明' -new -utf8 -key 'client/jürgen.key' -out 'client/jürgen.csr'

# 3.3 jürgen: Sign the client's certificate
# Another serial number than the server's.
openssl x509 -passin env:MTLS_CA_KEY_PASSPHRASE -req -days 365 -sha256 -in 'client/jürgen.csr' -CA ca/ca.crt -CAkey ca/ca.key -set_serial 2 -out 'client/jürgen.crt'

# 3.4 jürgen: Export certificate and key as PKCS#12
# For import into a browser or a phone, which will ask for the export password.
openssl pkcs12 -passout env:MTLS_J_RGEN_P12_PASSWORD -export -clcerts -in 'client/jürgen.crt' -inkey 'client/jürgen.key' -out 'client/jürgen.p12'
