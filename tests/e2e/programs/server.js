// Judges one client's chain as a plain Node server does: node server.js CA CERTIFICATE KEY.
// It prints its port, and then its verdict.
const fs = require("fs"), tls = require("tls");
const [ca, cert, key] = process.argv.slice(2).map((name) => fs.readFileSync(name));
const say = (...words) => { console.log(...words); process.exit(0); };
const server = tls.createServer({ca, cert, key, requestCert: true, rejectUnauthorized: false});
server.on("secureConnection", (socket) =>
  socket.authorized ? say("accepted") : say("refused:", socket.authorizationError));
server.on("tlsClientError", (error) => say("refused:", error.code, error.message));
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
