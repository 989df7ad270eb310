import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.*;
import javax.net.ssl.*;

/** Judges one client's chain as a plain Java server does: Server CA PKCS12 PASSWORD; prints its port, then its verdict. */
public class Server {
    public static void main(String[] words) throws Exception {
        KeyStore trust = KeyStore.getInstance(KeyStore.getDefaultType());
        trust.load(null, null);
        try (InputStream in = Files.newInputStream(Path.of(words[0]))) {
            trust.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trusts = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trusts.init(trust);
        KeyStore own = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(Path.of(words[1]))) {
            own.load(in, words[2].toCharArray());
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, words[2].toCharArray());
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trusts.getTrustManagers(), null);
        SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory()
            .createServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
        listener.setNeedClientAuth(true);
        System.out.println(listener.getLocalPort());
        try (SSLSocket socket = (SSLSocket) listener.accept()) {
            socket.startHandshake();
            System.out.println("accepted");
        } catch (SSLException refusal) {
            for (Throwable cause = refusal; cause != null; cause = cause.getCause()) {
                System.out.println("refused: " + cause.getMessage());
            }
        }
    }
}
