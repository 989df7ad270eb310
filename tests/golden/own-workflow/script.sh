# Mutual TLS, as of today (lesson), for OpenSSL 3.6.5
umask 077
unset OPENSSL_CONF

{
# 0 Make the folders
mkdir -p root.ca issuing.ca

# 1.5 root: Begin the CA's database
test -e root.ca/index.txt || cat > root.ca/index.txt <<'EOF'
EOF

# 1.6 root: Begin the list's numbers
test -e root.ca/crlnumber || cat > root.ca/crlnumber <<'EOF'
01
EOF

# 1.7 root: Say where the database is
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
# asks for the pass phrase of root.key, twice
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -aes256 -out root.key

# 1.2 root: Request a certificate
# asks for the pass phrase of root.key
openssl req -new -utf8 -key root.key -subj '/O=Example/CN=Example Root' -out root.csr

# 1.3 root: Say what the CA may do
cat > root.ext <<'EOF'
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
EOF

# 1.4 root: Sign it with its own key
# asks for the pass phrase of root.key
openssl x509 -req -in root.csr -signkey root.key -days 3650 -extfile root.ext -out root.pem

# 1.8 root: Sign the revocation list
# asks for the pass phrase of root.key
openssl ca -gencrl -config root.ca/openssl.cnf -cert root.pem -keyfile root.key -crldays 30 -out root.crl

# 1.9 root: The same in DER, for publishing
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
# asks for the pass phrase of root.key
openssl x509 -req -in issuing.csr -CA root.pem -CAkey root.key -days 1825 -sha384 -extfile issuing.ext -out issuing.pem

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
# asks for the export password of alice.p12, twice
openssl pkcs12 -export -in alice.pem -inkey alice.key -certfile issuing.chain.pem -name alice -out alice.p12

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
cat root.crl issuing.crl > crls.pem
} </dev/tty
