# Client certificates with an encrypted CA (encrypted-ca), for OpenSSL 3.0.19
umask 077
unset OPENSSL_CONF

{
# 0 Make the folders
mkdir -p ca server client

# 1.1 ca: Generate the CA's key, encrypted
# asks for the pass phrase of ca/ca.key, twice
openssl genrsa -aes256 -out ca/ca.key 4096

# 1.2 ca: Let only the owner read the key
chmod 400 ca/ca.key

# 1.3 ca: Make the CA's self-signed certificate
# asks for the pass phrase of ca/ca.key
# asks for the subject: C=DE, O=Größe & Söhne\, "GmbH", CN=Wurzel für alle; a dot for every other field
openssl req -new -x509 -utf8 -sha256 -days 730 -key ca/ca.key -out ca/ca.crt

# 1.4 ca: Let everyone read the certificate
chmod 444 ca/ca.crt

# 1.5 ca: Look at the CA certificate
openssl x509 -noout -text -in ca/ca.crt

# 2.1 server.example.com: Generate the server's key
openssl genrsa -out server/server.example.com.key 2048

# 2.2 server.example.com: Let only the owner read the key
chmod 400 server/server.example.com.key

# 2.3 server.example.com: Request a certificate
# asks for the subject: C=DE, O=Example, CN=server.example.com; a dot for every other field
openssl req -new -key server/server.example.com.key -sha256 -out server/server.example.com.csr

# 2.4 server.example.com: Sign the server's certificate
# asks for the pass phrase of ca/ca.key
openssl x509 -req -days 365 -sha256 -in server/server.example.com.csr -CA ca/ca.crt -CAkey ca/ca.key -set_serial 1 -out server/server.example.com.crt

# 2.5 server.example.com: Let everyone read the certificate
chmod 444 server/server.example.com.crt

# 2.6 server.example.com: Look at the server certificate
openssl x509 -noout -text -in server/server.example.com.crt

# 2.7 server.example.com: Verify it against the CA
openssl verify -CAfile ca/ca.crt server/server.example.com.crt

# 3.1 jürgen: Generate the client's key
openssl genrsa -out 'client/jürgen.key' 2048

# 3.2 jürgen: Request a certificate
# asks for the subject: C=DE, O=Example, CN=王小明; a dot for every other field
openssl req -new -utf8 -key 'client/jürgen.key' -out 'client/jürgen.csr'

# 3.3 jürgen: Sign the client's certificate
# asks for the pass phrase of ca/ca.key
openssl x509 -req -days 365 -sha256 -in 'client/jürgen.csr' -CA ca/ca.crt -CAkey ca/ca.key -set_serial 2 -out 'client/jürgen.crt'

# 3.4 jürgen: Export certificate and key as PKCS#12
# asks for the export password of client/jürgen.p12, twice
openssl pkcs12 -export -clcerts -in 'client/jürgen.crt' -inkey 'client/jürgen.key' -out 'client/jürgen.p12'
} </dev/tty
