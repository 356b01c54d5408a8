/** TLS with peers that speak something else, an older version, or go away. */
import { connect as nodeConnect, createServer as nodeServer } from "node:tls";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { Queue } from "../helpers/gate.ts";
import { testReactor } from "../helpers/interop.ts";
import { closePeers, Peer, PeerServer } from "../helpers/peer.ts";
import { certify, rootAuthority } from "../helpers/pki.ts";
import { dialTLS, SecureEcho, SecureRecorder, serveTLS } from "../helpers/tls.ts";

const reactor = testReactor();
afterEach(closePeers);

const root = rootAuthority();
const certificate = certify(root, ["localhost"]);
const toLocalhost = () => optionsForClientTLS("localhost", { trustRoot: root });

/** The beginning of a hello. */
const HELLO = Buffer.from("16030100050100", "hex");

describe("our server tells what came instead of TLS", () => {
  it.each([
    ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", /HTTP without TLS: use https:/],
    ["POST /a HTTP/1.1\r\n\r\n", /HTTP without TLS: use https:/],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", /HTTP\/2 without TLS: use https:/],
    ["SSH-2.0-OpenSSH_9.2\r\n", /is SSH\./],
    ["EHLO a.example\r\n", /plain SMTP or FTP.*startTLS\(\)/],
    ["PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", /PROXY header: listen with haproxy:/],
    ["\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", /PROXY header: listen with haproxy:/],
    [`\x80\x2e\x01\0\x02\0\x15\0\0\0\x10${"x".repeat(37)}`, /SSL 2/],
    ["hello", /no TLS/],
    ["\0\0\0\0\0\0\0\0", /no TLS/],
  ])("%j", async (text, says) => {
    const { port, next } = serveTLS(reactor(), { certificate }, () => new SecureRecorder());
    const peer = await Peer.connect(port);
    peer.write(Buffer.from(text, "latin1"));
    const server = await next();
    expect(await server.lossError()).toMatchObject({ code: "ERR_TLS_NOT_TLS", message: expect.stringMatching(says) });
    expect(server.calls).toEqual(["connectionMade", "connectionLost"]);
    // An alert: protocol_version.
    expect(await peer.rest()).toBe("\x15\x03\x03\0\x02\x02\x46");
  });
});

describe("our client tells what came instead of TLS", () => {
  it.each([
    ["HTTP/1.1 400 Bad Request\r\n\r\n", /answer of HTTP: the server does not speak TLS on this port/],
    ["SSH-2.0-OpenSSH_9.2\r\n", /is SSH\./],
    ["220 mail.example ESMTP\r\n", /plain SMTP or FTP.*startTLS\(\)/],
    ["hello", /no TLS/],
  ])("%j", async (text, says) => {
    const server = await PeerServer.listen();
    const client = await dialTLS(reactor(), server.port, toLocalhost(), new SecureRecorder());
    const peer = await server.accepted();
    peer.write(text);
    expect(await client.lossError()).toMatchObject({ code: "ERR_TLS_NOT_TLS", message: expect.stringMatching(says) });
    server.close();
  });
});

describe("a hello that nobody can be asked about is refused, whatever OpenSSL would make of it:", () => {
  it("behind an empty record", async () => {
    const asked: string[] = [];
    const onClient = ({ serverName }: { serverName: string }) => {
      asked.push(serverName);
      return { options: null };
    };
    const { port, next } = serveTLS(reactor(), { certificate, onClient }, () => new SecureRecorder());
    const middle = await PeerServer.listen({ reading: false });
    onTestFinished(() => middle.close());
    const peer = nodeConnect({ port: middle.port, host: "127.0.0.1", ca: root.dumpPEM(), servername: "localhost" });
    const outcome = new Promise<string>((resolve) => {
      peer.once("secureConnect", () => resolve("connected"));
      peer.once("error", (error: NodeJS.ErrnoException) => resolve(error.code!));
    });
    const client = await middle.accepted();
    const server = await Peer.connect(port, { reading: false });
    server.write(Buffer.from("1603010000", "hex"));
    client.socket.on("data", (data: Buffer) => server.write(data));
    server.socket.on("data", (data: Buffer) => client.write(data));
    expect(await outcome).toMatch(/ALERT/);
    expect(asked).toEqual([]);
    expect(await (await next()).lossError()).toMatchObject({ code: "ERR_TLS_PROTOCOL" });
  });
});

describe("a peer that goes during the handshake", () => {
  it.each([
    ["before a byte", ""],
    ["in the middle of its hello", HELLO],
  ])("%s: our server's connection is cut off", async (_, bytes) => {
    const { port, next } = serveTLS(reactor(), { certificate }, () => new SecureRecorder());
    const peer = await Peer.connect(port);
    peer.end(bytes);
    expect(await (await next()).lossError()).toMatchObject({
      code: "ERR_TLS_CUT_OFF",
      message: expect.stringMatching(/closed during the handshake: its log may say why/),
    });
  });

  it("our client's connection is cut off", async () => {
    const server = await PeerServer.listen();
    const client = await dialTLS(reactor(), server.port, toLocalhost(), new SecureRecorder());
    (await server.accepted()).end();
    expect(await client.lossError()).toMatchObject({
      code: "ERR_TLS_CUT_OFF",
      message: expect.stringMatching(/whether it speaks TLS on this port/),
    });
    server.close();
  });
});

/** Passes everything on between clients and `port`. The ends of each connection: what it gets is passed on no more. */
async function between(port: number): Promise<{ port: number; ends: Queue<{ client: Peer; server: Peer }> }> {
  const ends = new Queue<{ client: Peer; server: Peer }>();
  const front = await PeerServer.listen({ reading: false });
  onTestFinished(() => front.close());
  front.accepted().then(async (client) => {
    const server = await Peer.connect(port, { reading: false });
    client.socket.on("data", (data: Buffer) => server.write(data));
    server.socket.on("data", (data: Buffer) => client.write(data));
    ends.put({ client, server });
  });
  return { port: front.port, ends };
}

describe("a connection that ends without close_notify", () => {
  it.each(["client", "server"] as const)("is truncated, and the %s knows", async (who) => {
    const { port, next } = serveTLS(reactor(), { certificate }, () => new SecureEcho());
    const middle = await between(port);
    const client = await dialTLS(reactor(), middle.port, toLocalhost(), new SecureRecorder());
    client.transport.write("hello");
    await client.arrived.reaches(5);
    const ends = await middle.ends.next();
    ends[who].end();
    const cut = who === "client" ? client : await next();
    expect(await cut.lossError()).toMatchObject({
      code: "ERR_TLS_TRUNCATED",
      message: expect.stringMatching(/without close_notify.*do not use it as if it were whole/),
    });
  });
});

describe("a peer of an old version", () => {
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;

  it("is refused by our server, and told why", async () => {
    const { port, next } = serveTLS(reactor(), { certificate }, () => new SecureRecorder());
    const peer = nodeConnect({ port, host: "127.0.0.1", ca: root.dumpPEM(), servername: "localhost", ...old });
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => peer.once("error", resolve));
    expect(error.code).toBe("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
    expect(await (await next()).lossError()).toMatchObject({
      code: "ERR_TLS_OLD_VERSION",
      alertSent: "protocol_version",
    });
  });

  it("is refused by our client, and tells why", async () => {
    const server = nodeServer({ cert: certificate.dumpPEM(), key: certificate.privateKey.dump("PEM"), ...old });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const client = await dialTLS(reactor(), port, toLocalhost(), new SecureRecorder());
    expect(await client.lossError()).toMatchObject({
      code: "ERR_TLS_ALERT",
      alertReceived: "protocol_version",
      message: expect.stringMatching(/none of the versions of TLS that are allowed here/),
    });
  });
});
