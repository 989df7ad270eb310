# Mutual TLS Authentication (mutual-tls), for OpenSSL 4.0.3
umask 077
unset OPENSSL_CONF

# 0 Make the folders
mkdir -p private public requests

# 1.1 ca: Generate CA key
openssl genrsa -out private/root.key 2048

# 1.2 ca: Generate CA certificate request
openssl req -new -key private/root.key -out ca.csr -subj /C=US/O=Example/CN=Root/

# 1.3 ca: Self-sign the CA certificate
# Erratum for OpenSSL >= 3.2: Since OpenSSL 3.2, x509 -req makes a version 3 certificate also
# where no extensions are asked for, and a version 3 certificate without basicConstraints is no
# CA: OpenSSL, Go, Java and Firefox refuse every certificate under it (error 79, invalid CA
# certificate). The extensions say that it is one.
cat > ca.ext <<'EOF'
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
EOF
openssl x509 -req -days 3650 -in ca.csr -signkey private/root.key -out public/root.pem -extfile ca.ext

# 2.1 server: Generate server key
openssl genrsa -out private/server.key 2048

# 2.2 server: Generate server certificate request
openssl req -new -key private/server.key -out requests/server.csr -subj /C=US/O=Example/CN=www.example.com/

# 2.3 server: Sign the server certificate with the CA
openssl x509 -req -in requests/server.csr -CA public/root.pem -CAkey private/root.key -CAcreateserial -out public/server.pem -days 365
