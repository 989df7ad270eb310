# Mutual TLS Authentication (mutual-tls), for OpenSSL 3.0.19
umask 077
unset OPENSSL_CONF

{
# 1.1 ca: Generate CA key
openssl genrsa -out ca.key 2048

# 1.2 ca: Generate CA certificate request
openssl req -new -key ca.key -out ca.csr -subj '/CN=It'"'"'s $HOME; `id` \\ \/ \+ */'

# 1.3 ca: Self-sign the CA certificate
openssl x509 -req -days 3650 -in ca.csr -signkey ca.key -out ca.pem

# 2.1 server: Generate server key
openssl genrsa -out 'my server.key' 2048

# 2.2 server: Generate server certificate request
openssl req -new -key 'my server.key' -out server.csr -subj '/CN=a b/O=say "hello", # world/'

# 2.3 server: Sign the server certificate with the CA
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out 'a b.pem' -days 365

# 3.1 client: Generate client key
openssl genrsa -out client.key 2048

# 3.2 client: Generate client certificate request
openssl req -new -key client.key -out client.csr -subj '/CN=*.example.com/'

# 3.3 client: Sign the client certificate with the CA
openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out client.pem -days 365

# 3.4 client: Combine certificate and key
cat client.pem client.key > '$(id).pem'

# 3.5 client: Export certificate and key as PKCS#12
# asks for the export password of >out, twice
openssl pkcs12 -export -clcerts -in client.pem -inkey client.key -out '>out'
} </dev/tty
