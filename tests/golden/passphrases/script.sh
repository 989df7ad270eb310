# Mutual TLS Authentication (mutual-tls), for LibreSSL 4.3.0
umask 077
unset OPENSSL_CONF

{
# 1.1 ca: Generate CA key
# asks for the pass phrase of ca.key, twice
openssl genrsa -aes256 -out ca.key 2048

# 1.2 ca: Generate CA certificate request
# asks for the pass phrase of ca.key
openssl req -new -key ca.key -out ca.csr -subj /C=US/O=Example/CN=Root/

# 1.3 ca: Self-sign the CA certificate
# asks for the pass phrase of ca.key
openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem

# 2.1 server: Generate server key
# asks for the pass phrase of server.key, twice
openssl genrsa -aes256 -out server.key 2048

# 2.2 server: Generate server certificate request
# asks for the pass phrase of server.key
openssl req -new -key server.key -out server.csr -subj /C=US/O=Example/CN=www.example.com/

# 2.3 server: Sign the server certificate with the CA
# asks for the pass phrase of ca.key
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out www.example.com.pem -days 365

# 3.1 client: Generate client key
# asks for the pass phrase of client.key, twice
openssl genrsa -aes256 -out client.key 2048

# 3.2 client: Generate client certificate request
# asks for the pass phrase of client.key
openssl req -new -key client.key -out client.csr -subj /C=US/O=Example/CN=client/

# 3.3 client: Sign the client certificate with the CA
# asks for the pass phrase of ca.key
openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out client.pem -days 365

# 3.4 client: Combine certificate and key
cat client.pem client.key > client2.pem

# 3.5 client: Export certificate and key as PKCS#12
# asks for the pass phrase of client.key
# asks for the export password of client2.p12, twice
openssl pkcs12 -export -clcerts -in client.pem -inkey client.key -out client2.p12
} </dev/tty
