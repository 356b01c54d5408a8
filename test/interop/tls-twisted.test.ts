/** TLS with Twisted at the other end: from the first byte, and begun in the middle of a conversation of lines. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { connectProtocol } from "../../src/internet/endpoints/connectprotocol.ts";
import { wrapClientTLS } from "../../src/internet/endpoints/ssl.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { TLSTransport } from "../../src/internet/interfaces.ts";
import { Certificate } from "../../src/internet/tls/certificate.ts";
import type { PrivateCertificate } from "../../src/internet/tls/keypair.ts";
import { CertificateOptions, optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { LineReceiver } from "../../src/protocols/basic/line.ts";
import { Gate } from "../helpers/gate.ts";
import { building, listen, python, scratch, testReactor } from "../helpers/interop.ts";
import { certify, rootAuthority } from "../helpers/pki.ts";
import type { Program } from "../helpers/program.ts";

const reactor = testReactor();
const root = rootAuthority();
const ours = certify(root, ["localhost"], { subject: { commonName: "Skein" } });
const theirs = certify(root, ["localhost"], { subject: { commonName: "Twisted" } });

function twisted(what: string, ...args: (string | number)[]): Program {
  const folder = scratch();
  const both = (one: PrivateCertificate) => Buffer.concat([one.privateKey.dump("PEM"), Buffer.from(one.dumpPEM())]);
  writeFileSync(join(folder, "ca.pem"), root.dumpPEM());
  writeFileSync(join(folder, "own.pem"), both(theirs));
  return python("tls.py", what, join(folder, "ca.pem"), join(folder, "own.pem"), ...args);
}

const serverOptions = () => new CertificateOptions({ certificate: ours, trustRoot: root });
const clientOptions = () => optionsForClientTLS("localhost", { trustRoot: root, clientCertificate: ours });

/** Echoes lines with the name of who has said them, and turns to TLS. */
class Server extends LineReceiver {
  override lineReceived(line: Buffer): void {
    const transport = this.transport as TLSTransport;
    if (String(line) === "STARTTLS") {
      this.sendLine("READY");
      transport.startTLS(serverOptions());
      return;
    }
    const [peer] = transport.getPeerCertificateChain();
    this.sendLine(`${peer === undefined ? "nobody" : new Certificate(peer).getSubject().commonName} says ${line}`);
  }
}

class Client extends LineReceiver {
  readonly answer = new Gate<string>();
  readonly lost = new Gate<unknown>();
  readonly #first: string;
  constructor(first: string) {
    super();
    this.#first = first;
  }
  override connectionMade(): void {
    this.sendLine(this.#first);
  }
  override lineReceived(line: Buffer): void {
    if (String(line) === "READY") {
      (this.transport as TLSTransport).startTLS(clientOptions());
      this.sendLine("hello");
    } else {
      this.answer.open(String(line));
      this.transport.loseConnection();
    }
  }
  override connectionLost(reason: Failure): void {
    this.lost.open(reason.value);
  }
}

it("a client of Twisted speaks TLS with our server", async () => {
  const factory = building(() => new Server());
  const listening = reactor().listenSSL(0, factory, serverOptions(), { interface: "127.0.0.1" });
  const peer = twisted("client", listening.getHost().port);
  await peer.until(/line Twisted says hello\nlost ConnectionDone/);
});

it("a client of Twisted turns a connection with our server to TLS", async () => {
  const port = listen(
    reactor(),
    building(() => new Server()),
  );
  await twisted("starttls", port).until(/line READY\nline Twisted says hello\nlost ConnectionDone/);
});

it.each([
  ["tls", "hello"],
  ["server", "STARTTLS"],
])("our client speaks TLS with a server of Twisted: %s", async (what, first) => {
  const port = Number((await twisted(what).until(/listening on (\d+)/))[1]);
  const plain = new TCP4ClientEndpoint(reactor(), "127.0.0.1", port);
  const endpoint = what === "tls" ? wrapClientTLS(clientOptions(), plain) : plain;
  const client = await connectProtocol(endpoint, new Client(first));
  expect(await client.answer.promise).toBe("Skein says hello");
  expect(await client.lost.promise).toMatchObject({ code: "ERR_CONNECTION_DONE" });
});
