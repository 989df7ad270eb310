// Judges a server's chain as a plain Go client does: client CA HOST PORT.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

func main() {
	pem, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		fmt.Println("refused: no certificate could be read")
		return
	}
	conn, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[3], &tls.Config{RootCAs: pool, ServerName: os.Args[2]})
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	conn.Close()
	fmt.Println("accepted")
}
