#!/bin/sh
# Mutual TLS, as of today (modern), for OpenSSL 3.5.0
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
; do
  if test -e "$key"; then
    echo "$key is there already: run this in an empty folder" >&2
    exit 1
  fi
done

# Nothing here belongs into a repository.
test -e .gitignore || printf '*\n' > .gitignore

# 1.1 root: Generate the key
# genpkey makes a key of any algorithm; -pkeyopt names its size or curve. An elliptic curve key of
# 256 bits is as strong as an RSA key of 3072, and much faster.
test -s root.key.password || openssl rand -hex 24 > root.key.password
openssl genpkey -pass file:root.key.password -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -out root.key

# 1.2 root: Request a certificate
# The request holds the subject and the public key, and is signed with the key. Extensions are not
# asked for here: it is the issuer who decides what the certificate may be used for.
openssl req -passin file:root.key.password -new -utf8 -key root.key -subj '/O=Example/CN=Example Root' -out root.csr

# 1.3 root: Say what the CA may do
# basicConstraints makes it a CA, and pathlen says how many CAs may stand below it. keyUsage
# allows it to sign certificates and revocation lists and nothing else. nameConstraints bounds the
# names that it may vouch for.
cat > root.ext <<'EOF'
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
EOF

# 1.4 root: Sign it with its own key
# A root has no issuer above it: it signs itself. Without a serial option, openssl draws a random
# serial number of 159 bits.
openssl x509 -passin file:root.key.password -req -in root.csr -signkey root.key -days 3650 -extfile root.ext -out root.pem

# 2.1 issuing: Generate the key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out issuing.key

# 2.2 issuing: Request a certificate
openssl req -new -utf8 -key issuing.key -subj '/O=Example/CN=Example Issuing CA' -out issuing.csr

# 2.3 issuing: Say what the CA may do
cat > issuing.ext <<'EOF'
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
EOF

# 2.4 issuing: The issuer signs
# The issuer takes subject and public key from the request, adds its own name, the days of
# validity and the extensions from the file, and signs. Openssl draws a random serial number, so
# there is no file of numbers to race for; a CA made elsewhere that has one goes on with it.
openssl x509 -passin file:root.key.password -req -in issuing.csr -CA root.pem -CAkey root.key -days 1825 -extfile issuing.ext -out issuing.pem

# 2.5 issuing: The certificate, then its issuing CAs
# A peer knows the root only. Whoever shows this certificate sends the issuing CAs along, in this
# order, and without the root.
cat issuing.pem > issuing.chain.pem

# 3.1 api.example.com: Generate the key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out api.example.com.key

# 3.2 api.example.com: Request a certificate
openssl req -new -utf8 -key api.example.com.key -subj /O=Example/CN=api.example.com -out api.example.com.csr

# 3.3 api.example.com: Say what it is for
# It is no CA. extendedKeyUsage says which side of a connection it is for, so that a server's
# certificate is of no use to a client. Clients look for a server's name in subjectAltName, and
# nowhere else.
cat > api.example.com.ext <<'EOF'
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:api.example.com,DNS:localhost,IP:127.0.0.1
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
EOF

# 4.4 alice: The issuer signs
openssl x509 -req -in alice.csr -CA issuing.pem -CAkey issuing.key -days 365 -extfile alice.ext -out alice.pem

# 4.5 alice: The certificate, then its issuing CAs
cat alice.pem issuing.chain.pem > alice.chain.pem

# 4.6 alice: Bundle for import
# Key, certificate and issuing CAs in one encrypted file, which browsers and keychains import;
# -name is what they show.
test -s alice.p12.password || openssl rand -hex 24 > alice.p12.password
openssl pkcs12 -passout file:./alice.p12.password -export -in alice.pem -inkey alice.key -certfile issuing.chain.pem -name alice -out alice.p12

# 5.1 Every CA that a peer may trust
# What a server that wants client certificates, and every client, is told to trust.
cat root.pem issuing.pem > trust.pem
