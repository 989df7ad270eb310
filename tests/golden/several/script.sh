# Mutual TLS Authentication (mutual-tls), for OpenSSL 3.0.19
umask 077
unset OPENSSL_CONF

{
# 1.1 ca: Generate CA key
openssl genrsa -out ca.key 4096

# 1.2 ca: Generate CA certificate request
openssl req -new -key ca.key -out ca.csr -subj /C=US/O=Example/CN=Root/

# 1.3 ca: Self-sign the CA certificate
openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem

# 2.1 web: Generate server key
openssl genrsa -out web.key 2048

# 2.2 web: Generate server certificate request
openssl req -new -key web.key -out web.csr -subj /C=US/O=Example/CN=www.example.com/

# 2.3 web: Sign the server certificate with the CA
openssl x509 -req -in web.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out www.example.com.pem -days 365

# 2.1 directory: Generate server key
openssl genrsa -out directory.key 2048

# 2.2 directory: Generate server certificate request
openssl req -new -key directory.key -sha384 -out directory.csr -subj /C=US/O=Example/CN=ldap.example.com/

# 2.3 directory: Sign the server certificate with the CA
openssl x509 -req -sha384 -in directory.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out ldap.example.com.pem -days 365

# 3.1 alice: Generate client key
openssl genrsa -out alice.key 2048

# 3.2 alice: Generate client certificate request
openssl req -new -key alice.key -out alice.csr -subj /C=US/O=Example/CN=alice/

# 3.3 alice: Sign the client certificate with the CA
openssl x509 -req -in alice.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out alice.pem -days 365

# 3.4 alice: Combine certificate and key
cat alice.pem alice.key > alice2.pem

# 3.5 alice: Export certificate and key as PKCS#12
# asks for the export password of alice2.p12, twice
openssl pkcs12 -export -clcerts -in alice.pem -inkey alice.key -out alice2.p12

# 3.1 bob: Generate client key
openssl genrsa -out bob.key 2048

# 3.2 bob: Generate client certificate request
openssl req -new -key bob.key -out bob.csr -subj /C=US/O=Example/CN=bob/

# 3.3 bob: Sign the client certificate with the CA
openssl x509 -req -in bob.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out bob.pem -days 30

# 3.4 bob: Combine certificate and key
cat bob.pem bob.key > bob2.pem

# 3.5 bob: Export certificate and key as PKCS#12
# asks for the export password of bob2.p12, twice
openssl pkcs12 -export -clcerts -in bob.pem -inkey bob.key -out bob2.p12

# 3.1 carol: Generate client key
openssl genrsa -out carol.key 2048

# 3.2 carol: Generate client certificate request
openssl req -new -key carol.key -out carol.csr -subj /C=US/O=Example/OU=People/OU=Friends/CN=carol/

# 3.3 carol: Sign the client certificate with the CA
openssl x509 -req -in carol.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out carol.pem -days 365

# 3.4 carol: Combine certificate and key
cat carol.pem carol.key > carol2.pem

# 3.5 carol: Export certificate and key as PKCS#12
# asks for the export password of carol2.p12, twice
openssl pkcs12 -export -clcerts -in carol.pem -inkey carol.key -out carol2.p12
} </dev/tty
