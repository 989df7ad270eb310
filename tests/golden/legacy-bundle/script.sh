# Mutual TLS Authentication (mutual-tls), for OpenSSL 1.1.1w
umask 077
unset OPENSSL_CONF

{
# 1.1 ca: Generate CA key
openssl genrsa -out ca.key 2048

# 1.2 ca: Generate CA certificate request
openssl req -new -key ca.key -out ca.csr -subj /C=US/O=Example/CN=Root/

# 1.3 ca: Self-sign the CA certificate
openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem

# 3.1 phone: Generate client key
openssl genrsa -out phone.key 2048

# 3.2 phone: Generate client certificate request
openssl req -new -key phone.key -out phone.csr -subj /C=US/O=Example/CN=phone/

# 3.3 phone: Sign the client certificate with the CA
openssl x509 -req -in phone.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out phone.pem -days 365

# 3.4 phone: Combine certificate and key
cat phone.pem phone.key > phone2.pem

# 3.5 phone: Export certificate and key as PKCS#12
# asks for the export password of phone2.p12, twice
openssl pkcs12 -export -clcerts -in phone.pem -inkey phone.key -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -out phone2.p12
} </dev/tty
