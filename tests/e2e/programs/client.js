// Judges a server's chain as a plain Node client does: node client.js CA HOST PORT.
const fs = require("fs"), tls = require("tls");
const [ca, host, port] = process.argv.slice(2);
const socket = tls.connect({host: "127.0.0.1", port, servername: host, ca: fs.readFileSync(ca)});
socket.on("secureConnect", () => { console.log("accepted"); socket.end(); });
socket.on("error", (error) => console.log(`refused: ${error.code} (${error.message})`));
