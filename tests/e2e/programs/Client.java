import java.io.*;
import java.net.Socket;
import java.nio.file.*;
import java.security.KeyStore;
import java.security.cert.*;
import javax.net.ssl.*;

/** Judges a server's chain as a plain Java client does: Client CA HOST PORT. */
public class Client {
    public static void main(String[] words) throws Exception {
        KeyStore trust = KeyStore.getInstance(KeyStore.getDefaultType());
        trust.load(null, null);
        try (InputStream in = Files.newInputStream(Path.of(words[0]))) {
            trust.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trust);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        Socket plain = new Socket("127.0.0.1", Integer.parseInt(words[2]));
        SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, words[1], 443, true);
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        socket.setSSLParameters(parameters);
        try {
            socket.startHandshake();
            System.out.println("accepted");
        } catch (SSLException refusal) {
            for (Throwable cause = refusal; cause != null; cause = cause.getCause()) {
                System.out.println("refused: " + cause.getMessage());
            }
        }
    }
}
