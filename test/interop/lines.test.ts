/** LineReceiver, with Twisted's on the other side. */
import { expect, it } from "vitest";
import { LineReceiver } from "../../src/entries/protocols/basic.ts";
import { connectProtocol } from "../../src/internet/endpoints/connectprotocol.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import { Gate } from "../helpers/gate.ts";
import { building, listen, python, testReactor } from "../helpers/interop.ts";

const reactor = testReactor();

/** Does what the Python program's server does. */
class Lines extends LineReceiver {
  #left = 0;
  #raw: Buffer[] = [];

  override lineReceived(line: Buffer): void {
    const raw = /^raw (\d+)$/.exec(line.toString("latin1"));
    if (raw === null) {
      this.sendLine(Buffer.concat([Buffer.from("line "), line]));
      return;
    }
    this.#left = Number(raw[1]);
    this.setRawMode();
  }

  override rawDataReceived(data: Buffer): void {
    const part = data.subarray(0, this.#left);
    this.#raw.push(part);
    this.#left -= part.length;
    if (this.#left > 0) return;
    this.sendLine(`got ${Buffer.concat(this.#raw.splice(0)).toString("hex")}`);
    this.setLineMode(data.subarray(part.length));
  }
}

/** Keeps lines until there are as many as expected, or the connection is lost. */
class Keeping extends LineReceiver {
  override MAX_LENGTH = 20_000;
  readonly lines: string[] = [];
  readonly done = new Gate();
  readonly #expected: number;

  constructor(expected: number) {
    super();
    this.#expected = expected;
  }
  override lineReceived(line: Buffer): void {
    this.lines.push(line.toString("latin1"));
    if (this.lines.length === this.#expected) this.done.open();
  }
  override connectionLost(): void {
    this.done.open();
  }
}

async function connect(expected: number): Promise<Keeping> {
  const server = python("framing.py", "serve", "LineReceiver");
  const port = Number((await server.until(/listening on (\d+)/))[1]);
  return connectProtocol(new TCP4ClientEndpoint(reactor(), "127.0.0.1", port), new Keeping(expected));
}

it("our client sends lines and raw data to Twisted's server", async () => {
  const client = await connect(4);
  client.sendLine("hello");
  client.sendLine("raw 6");
  client.transport.write(Buffer.from("\r\n\0\r\n\xff", "latin1"));
  client.sendLine("");
  client.sendLine("x".repeat(16_384));
  await client.done.promise;
  expect(client.lines).toEqual(["line hello", "got 0d0a000d0aff", "line ", `line ${"x".repeat(16_384)}`]);
});

it("Twisted refuses a line one byte longer than ours may be", async () => {
  const client = await connect(2);
  client.sendLine("x".repeat(16_385));
  await client.done.promise;
  expect(client.lines).toEqual(["too long"]);
});

it("Twisted's client sends lines and raw data to our server", async () => {
  const port = listen(
    reactor(),
    building(() => new Lines()),
  );
  await python("framing.py", "connect", "LineReceiver", port).until(/all is well/);
});
