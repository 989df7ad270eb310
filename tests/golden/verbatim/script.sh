# Mutual TLS Authentication (mutual-tls), for OpenSSL 3.5.0
umask 077
unset OPENSSL_CONF

# 1.1 ca: Generate CA key
openssl genrsa -out ca.key 2048

# 1.2 ca: Generate CA certificate request
openssl req -new -key ca.key -out ca.csr -subj /C=US/O=Example/CN=Root/

# 1.3 ca: Self-sign the CA certificate
openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem

# 2.1 server: Generate server key
openssl genrsa -out server.key 2048

# 2.2 server: Generate server certificate request
openssl req -new -key server.key -out server.csr -subj /C=US/O=Example/CN=www.example.com/

# 2.3 server: Sign the server certificate with the CA
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out www.example.com.pem -days 365
