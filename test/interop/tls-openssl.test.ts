/** TLS with the openssl command at the other end. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Failure } from "../../src/internet/failure.ts";
import type { TLSTransport } from "../../src/internet/interfaces.ts";
import { Certificate } from "../../src/internet/tls/certificate.ts";
import type { PrivateCertificate } from "../../src/internet/tls/keypair.ts";
import { CertificateOptions, optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { LineReceiver } from "../../src/protocols/basic/line.ts";
import { freePort } from "../helpers/freeport.ts";
import { Gate } from "../helpers/gate.ts";
import { accepting, building, listen, need, scratch, testReactor } from "../helpers/interop.ts";
import { Peer } from "../helpers/peer.ts";
import { certify, intermediate, rootAuthority } from "../helpers/pki.ts";
import { Program } from "../helpers/program.ts";
import { dialTLS, SecureEcho, SecureRecorder, serveTLS } from "../helpers/tls.ts";

const reactor = testReactor();
const root = rootAuthority();
const between = intermediate(root);
const certificate = certify(between, ["localhost"]);
const ofClient = certify(root, ["URI:spiffe://example.org/ada"], { uses: ["client"], subject: { commonName: "Ada" } });
/** An answer of an OCSP responder: tryLater (RFC 6960, 4.2.1). */
const OCSP = Buffer.from("30030a0103", "hex");

/** Files of PEM for the programs. */
function files() {
  const folder = scratch();
  const file = (name: string, data: string | Buffer) => {
    writeFileSync(join(folder, name), data);
    return join(folder, name);
  };
  const both = (one: PrivateCertificate) => Buffer.concat([one.privateKey.dump("PEM"), Buffer.from(one.dumpPEM())]);
  return {
    path: (name: string) => join(folder, name),
    ca: file("ca.pem", root.dumpPEM()),
    between: file("between.pem", between.dumpPEM()),
    server: file("server.pem", both(certificate)),
    client: file("client.pem", both(ofClient)),
    ocsp: file("ocsp.der", OCSP),
  };
}

describe("s_client and our server", () => {
  function sClient(port: number, ca: string, ...args: string[]): Program {
    const verify = ["-CAfile", ca, "-verify_return_error", "-verify_hostname", "localhost", "-servername", "localhost"];
    return new Program(need("openssl"), ["s_client", "-connect", `127.0.0.1:${port}`, ...verify, ...args]);
  }

  it.each([
    ["-tls1_2", "TLSv1.2"],
    ["-tls1_3", "TLSv1.3"],
  ])("speak %s, agree on a protocol, and know each other", async (flag, version) => {
    const { ca, client } = files();
    const { port, next } = serveTLS(
      reactor(),
      { certificate, extraCertChain: between, trustRoot: root, acceptableProtocols: ["h2", "http/1.1"] },
      () => new SecureEcho(),
    );
    const peer = sClient(port, ca, flag, "-alpn", "http/1.1,h2", "-cert", client, "-key", client);
    await peer.until(/Verification: OK/);
    await peer.until(/ALPN protocol: h2/);
    peer.type("there and back\n");
    await peer.until(/there and back/);
    const server = await next();
    expect(await server.shaken.promise).toMatchObject({
      version,
      protocol: "h2",
      serverName: "localhost",
      resumed: false,
    });
    const [own] = server.secure.getPeerCertificateChain();
    expect(new Certificate(own!).spiffeId).toBe("spiffe://example.org/ada");
    peer.type("Q\n");
    expect(await peer.exited).toEqual({ code: 0, signal: null });
    expect(await server.lossError()).toMatchObject({ code: "ERR_CONNECTION_DONE" });
  });

  it.each(["-tls1_2", "-tls1_3"])("resume a session with %s", async (flag) => {
    const { ca, path } = files();
    const { port, next } = serveTLS(reactor(), { certificate, extraCertChain: between }, () => new SecureEcho());
    const first = sClient(port, ca, flag, "-sess_out", path("session"));
    first.type("hello\n");
    await first.until(/hello/);
    first.type("Q\n");
    await first.exited;
    expect(await (await next()).shaken.promise).toMatchObject({ resumed: false });
    const second = sClient(port, ca, flag, "-sess_in", path("session"));
    await second.until(/Reused, TLSv1/);
    expect(await (await next()).shaken.promise).toMatchObject({ resumed: true });
  });

  it("staple an OCSP response", async () => {
    const { ca } = files();
    const options = { certificate, extraCertChain: between, ocspResponse: OCSP };
    const { port } = serveTLS(reactor(), options, () => new SecureEcho());
    await sClient(port, ca, "-status").until(/OCSP Response Status: trylater \(0x3\)/);
  });

  it("tell s_client why it is refused", async () => {
    const { ca } = files();
    const { port, next } = serveTLS(
      reactor(),
      { certificate, extraCertChain: between, trustRoot: root },
      () => new SecureEcho(),
    );
    const peer = sClient(port, ca, "-tls1_2");
    await peer.exited;
    expect(peer.stderr).toMatch(/alert handshake failure/);
    expect(await (await next()).lossError()).toMatchObject({ code: "ERR_TLS_NO_CLIENT_CERT" });
  });

  it("refuse renegotiation", async () => {
    const { ca } = files();
    const { port, next } = serveTLS(reactor(), { certificate, extraCertChain: between }, () => new SecureEcho());
    const peer = sClient(port, ca, "-tls1_2");
    const server = await next();
    await server.shaken.promise;
    peer.type("R\n");
    await peer.exited;
    expect(peer.stderr).toMatch(/no renegotiation/);
  });
});

describe("s_server and our client", () => {
  async function sServer(...args: string[]): Promise<number> {
    const { server, between, ca } = files();
    const port = await freePort();
    const own = ["-cert", server, "-key", server, "-cert_chain", between, "-CAfile", ca];
    const program = new Program(need("openssl"), ["s_server", "-accept", `127.0.0.1:${port}`, ...own, ...args]);
    await accepting(port, program);
    return port;
  }
  /** s_server has one connection at a time. */
  async function over(client: SecureRecorder): Promise<void> {
    client.transport.loseConnection();
    await client.lost.promise;
  }
  const toLocalhost = (options = {}) => optionsForClientTLS("localhost", { trustRoot: root, ...options });

  it.each([
    ["-tls1_2", "TLSv1.2"],
    ["-tls1_3", "TLSv1.3"],
  ])("speak %s, and agree on a protocol", async (flag, version) => {
    const port = await sServer(flag, "-rev", "-alpn", "h2");
    const options = toLocalhost({ acceptableProtocols: ["http/1.1", "h2"] });
    const client = await dialTLS(reactor(), port, options, new SecureRecorder());
    client.transport.write("hello\n");
    await client.arrived.reaches(6);
    expect(client.text).toBe("olleh\n");
    expect(await client.shaken.promise).toMatchObject({ version, protocol: "h2", resumed: false });
  });

  it.each([
    // Each session is used once, and without a new one there is none for the third.
    ["-tls1_2", [false, true, false]],
    ["-tls1_3", [false, true, true]],
  ])("resume a session with %s", async (flag, connections) => {
    const port = await sServer(flag, "-rev");
    const options = toLocalhost();
    for (const resumed of connections) {
      const client = await dialTLS(reactor(), port, options, new SecureRecorder());
      client.transport.write("hello\n");
      await client.arrived.reaches(6);
      expect(await client.shaken.promise).toMatchObject({ resumed });
      await over(client);
    }
  });

  it("send and verify client certificates", async () => {
    const port = await sServer("-rev", "-Verify", "3", "-verify_return_error");
    const known = await dialTLS(reactor(), port, toLocalhost({ clientCertificate: ofClient }), new SecureRecorder());
    known.transport.write("hello\n");
    await known.arrived.reaches(6);
    await over(known);
    const unknown = await dialTLS(reactor(), port, toLocalhost(), new SecureRecorder());
    expect(await unknown.lossError()).toMatchObject({ code: "ERR_TLS_ALERT", alertReceived: "certificate_required" });
  });

  it("refuse a response that is none, and ask for one only where the program does", async () => {
    const port = await sServer("-rev", "-status_file", files().ocsp);
    const asking = await dialTLS(reactor(), port, toLocalhost({ requestOCSP: true }), new SecureRecorder());
    expect(await asking.lossError()).toMatchObject({ code: "ERR_TLS_OCSP_INVALID" });
    const silent = await dialTLS(reactor(), port, toLocalhost(), new SecureRecorder());
    expect((await silent.shaken.promise).ocspResponse).toBe(null);
  });
});

describe("STARTTLS", () => {
  /** As much of SMTP as it takes. */
  class Mail extends LineReceiver {
    readonly secured = new Gate();
    readonly lost = new Gate<unknown>();
    readonly lines: string[] = [];
    override connectionMade(): void {
      this.sendLine("220 mail.example ESMTP");
    }
    override lineReceived(line: Buffer): void {
      this.lines.push(String(line));
      if (/^EHLO/.test(String(line))) this.sendLine("250-mail.example\r\n250 STARTTLS");
      else if (String(line) === "STARTTLS") {
        this.sendLine("220 Go ahead");
        (this.transport as TLSTransport).startTLS(new CertificateOptions({ certificate, extraCertChain: between }));
      } else this.sendLine("250 OK");
    }
    handshakeCompleted(): void {
      this.secured.open();
    }
    override connectionLost(reason: Failure): void {
      this.lost.open(reason.value);
    }
  }
  function serveMail(): { port: number; mail: Mail } {
    const mail = new Mail();
    const factory = building(() => mail);
    return { port: listen(reactor(), factory), mail };
  }

  it("turns s_client's connection to TLS", async () => {
    const { ca } = files();
    const { port, mail } = serveMail();
    const peer = new Program(need("openssl"), [
      ...["s_client", "-starttls", "smtp", "-connect", `127.0.0.1:${port}`, "-CAfile", ca, "-verify_return_error"],
      ...["-verify_hostname", "localhost", "-crlf", "-quiet"],
    ]);
    await mail.secured.promise;
    peer.type("NOOP\n");
    await peer.until(/250 OK/);
    expect(mail.lines.slice(1)).toEqual(["STARTTLS", "NOOP"]);
  });

  it("refuses what was sent in plaintext behind it", async () => {
    const { port, mail } = serveMail();
    const peer = await Peer.connect(port);
    peer.write("EHLO evil.example\r\nSTARTTLS\r\nMAIL FROM:<evil>\r\n");
    expect(await mail.lost.promise).toMatchObject({ code: "ERR_TLS_PLAINTEXT_BEFORE" });
    expect(mail.lines).toEqual(["EHLO evil.example", "STARTTLS"]);
  });
});
