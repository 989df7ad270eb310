#!/bin/sh
# Mutual TLS, as of today (lesson), for OpenSSL 3.6.5
# Written by mtls-openssl export. It makes in the current folder what apply makes, and asks
# nobody; it checks nothing afterwards, as apply and verify do.
set -eu
umask 077
unset OPENSSL_CONF

# A key that is there already is never overwritten.
for key in \
  root.key \
  issuing.key \
  api.example.com.key \
  alice.key \
  sensor.key \
; do
  if test -e "$key"; then
    echo "$key is there already: run this in an empty folder" >&2
    exit 1
  fi
done

# Secrets, from the environment:
: "${ROOT_PASSPHRASE:?the pass phrase of root.key}"
: "${ALICE_PASSWORD:?the export password of alice.p12}"
export ROOT_PASSPHRASE
export ALICE_PASSWORD

# Nothing here belongs into a repository.
test -e .gitignore || printf '*\n' > .gitignore

# 0 Make the folders
# The files stand in folders of their own, which openssl does not make.
mkdir -p root.ca issuing.ca

# 1.5 root: Begin the CA's database
# One line for every certificate that openssl ca issues or revokes: V for valid, R for revoked, E
# for expired. It begins empty, and is never made anew: who was revoked stays so.
test -e root.ca/index.txt || cat > root.ca/index.txt <<'EOF'
EOF

# 1.6 root: Begin the list's numbers
# Every revocation list has a number, one more than that of the list before.
test -e root.ca/crlnumber || cat > root.ca/crlnumber <<'EOF'
01
EOF

# 1.7 root: Say where the database is
# openssl ca takes its files from a configuration. Its policy could say which parts of a subject
# must be there.
cat > root.ca/openssl.cnf <<'EOF'
[ ca ]
default_ca = authority
[ authority ]
database = root.ca/index.txt
new_certs_dir = root.ca
crlnumber = root.ca/crlnumber
crl_extensions = list
rand_serial = yes
default_md = default
unique_subject = no
policy = any
[ any ]
commonName = optional
[ list ]
authorityKeyIdentifier = keyid,issuer
EOF

# 1.1 root: Generate the key
openssl genpkey -pass env:ROOT_PASSPHRASE -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -aes256 -out root.key

# 1.2 root: Request a certificate
openssl req -passin env:ROOT_PASSPHRASE -new -utf8 -key root.key -subj '/O=Example/CN=Example Root' -out root.csr

# 1.3 root: Say what the CA may do
cat > root.ext <<'EOF'
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
EOF

# 1.4 root: Sign it with its own key
openssl x509 -passin env:ROOT_PASSPHRASE -req -in root.csr -signkey root.key -days 3650 -extfile root.ext -out root.pem

# 1.8 root: Sign the revocation list
# The list names the serial number of every certificate that the CA has revoked, and says until
# when it is good. Who checks it refuses those, and everybody once the list is out of date: it is
# signed anew before.
openssl ca -passin env:ROOT_PASSPHRASE -gencrl -config root.ca/openssl.cnf -cert root.pem -keyfile root.key -crldays 30 -out root.crl

# 1.9 root: The same in DER, for publishing
# What crlDistributionPoints leads to is DER (RFC 5280, section 4.2.1.13).
openssl crl -in root.crl -outform DER -out root.crl.der

# 2.6 issuing: Begin the CA's database
test -e issuing.ca/index.txt || cat > issuing.ca/index.txt <<'EOF'
EOF

# 2.7 issuing: Begin the list's numbers
test -e issuing.ca/crlnumber || cat > issuing.ca/crlnumber <<'EOF'
01
EOF

# 2.8 issuing: Say where the database is
cat > issuing.ca/openssl.cnf <<'EOF'
[ ca ]
default_ca = authority
[ authority ]
database = issuing.ca/index.txt
new_certs_dir = issuing.ca
crlnumber = issuing.ca/crlnumber
crl_extensions = list
rand_serial = yes
default_md = default
unique_subject = no
policy = any
[ any ]
commonName = optional
[ list ]
authorityKeyIdentifier = keyid,issuer
EOF

# 2.1 issuing: Generate the key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out issuing.key

# 2.2 issuing: Request a certificate
openssl req -new -utf8 -key issuing.key -subj /O=Example/CN=issuing -out issuing.csr

# 2.3 issuing: Say what the CA may do
cat > issuing.ext <<'EOF'
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
nameConstraints = critical,permitted;DNS:example.com,permitted;IP:127.0.0.0/255.0.0.0,excluded;DNS:x.example.com
EOF

# 2.4 issuing: The issuer signs
openssl x509 -passin env:ROOT_PASSPHRASE -req -in issuing.csr -CA root.pem -CAkey root.key -days 1825 -sha384 -extfile issuing.ext -out issuing.pem

# 2.5 issuing: The certificate, then its issuing CAs
cat issuing.pem > issuing.chain.pem

# 2.9 issuing: Sign the revocation list
openssl ca -gencrl -config issuing.ca/openssl.cnf -cert issuing.pem -keyfile issuing.key -crldays 30 -out issuing.crl

# 2.10 issuing: The same in DER, for publishing
openssl crl -in issuing.crl -outform DER -out issuing.crl.der

# 3.1 api.example.com: Generate the key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out api.example.com.key

# 3.2 api.example.com: Request a certificate
openssl req -new -utf8 -key api.example.com.key -subj /O=Example/CN=api.example.com -out api.example.com.csr

# 3.3 api.example.com: Say what it is for
cat > api.example.com.ext <<'EOF'
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:api.example.com,DNS:*.api.example.com,IP:127.0.0.1
crlDistributionPoints = URI:http://crl.example.com/issuing.crl
EOF

# 3.4 api.example.com: The issuer signs
openssl x509 -req -in api.example.com.csr -CA issuing.pem -CAkey issuing.key -days 365 -extfile api.example.com.ext -out api.example.com.pem

# 3.5 api.example.com: The certificate, then its issuing CAs
cat api.example.com.pem issuing.chain.pem > api.example.com.chain.pem

# 4.1 alice: Generate the key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out alice.key

# 4.2 alice: Request a certificate
openssl req -new -utf8 -key alice.key -subj /O=Example/CN=alice -out alice.csr

# 4.3 alice: Say what it is for
cat > alice.ext <<'EOF'
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = email:alice@example.com
crlDistributionPoints = URI:http://crl.example.com/issuing.crl
EOF

# 4.4 alice: The issuer signs
openssl x509 -req -in alice.csr -CA issuing.pem -CAkey issuing.key -days 365 -extfile alice.ext -out alice.pem

# 4.5 alice: The certificate, then its issuing CAs
cat alice.pem issuing.chain.pem > alice.chain.pem

# 4.6 alice: Bundle for import
openssl pkcs12 -passout env:ALICE_PASSWORD -export -in alice.pem -inkey alice.key -certfile issuing.chain.pem -name alice -out alice.p12

# 4.1 sensor: Generate the key
openssl genpkey -algorithm ED25519 -out sensor.key

# 4.2 sensor: Request a certificate
openssl req -new -utf8 -key sensor.key -subj /O=Example/CN=sensor -out sensor.csr

# 4.3 sensor: Say what it is for
cat > sensor.ext <<'EOF'
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
crlDistributionPoints = URI:http://crl.example.com/issuing.crl
EOF

# 4.4 sensor: The issuer signs
openssl x509 -req -in sensor.csr -CA issuing.pem -CAkey issuing.key -days 90 -extfile sensor.ext -out sensor.pem

# 4.5 sensor: The certificate, then its issuing CAs
cat sensor.pem issuing.chain.pem > sensor.chain.pem

# 5.1 Every CA that a peer may trust
cat root.pem issuing.pem > trust.pem

# 5.2 Every revocation list in one file
# Servers that check a whole chain are given the list of every CA in it.
cat root.crl issuing.crl > crls.pem
