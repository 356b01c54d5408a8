/** Netstrings and strings behind their length, with Twisted's receivers on the other side. */
import { describe, expect, it } from "vitest";
import {
  Int8StringReceiver,
  Int16StringReceiver,
  Int32StringReceiver,
  NetstringReceiver,
} from "../../src/entries/protocols/basic.ts";
import { connectProtocol } from "../../src/internet/endpoints/connectprotocol.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import { Gate } from "../helpers/gate.ts";
import { building, listen, python, testReactor } from "../helpers/interop.ts";

const reactor = testReactor();

const SIZES = [0, 1, 2, 9, 10, 99, 100, 255, 256, 999, 1000, 16_384, 65_535, 65_536, 99_999];

describe.each([
  ["NetstringReceiver", NetstringReceiver, 99_999],
  ["Int8StringReceiver", Int8StringReceiver, 255],
  ["Int16StringReceiver", Int16StringReceiver, 65_535],
  ["Int32StringReceiver", Int32StringReceiver, 99_999],
])("%s", (name, Receiver, most) => {
  /** Sends every string back, the last byte first. */
  class Reversing extends (Receiver as typeof Int32StringReceiver) {
    override stringReceived(string: Buffer): void {
      this.sendString(string.reverse());
    }
  }

  /** Sends strings of many sizes, and keeps what comes back. */
  class Asking extends (Receiver as typeof Int32StringReceiver) {
    readonly strings = SIZES.filter((size) => size <= most).map((size) =>
      Buffer.from(Array.from({ length: size }, (_, i) => (i * 11 + size) % 256)),
    );
    readonly answers: Buffer[] = [];
    readonly done = new Gate();

    override connectionMade(): void {
      for (const string of this.strings) this.sendString(string);
    }
    override stringReceived(string: Buffer): void {
      this.answers.push(string);
      if (this.answers.length === this.strings.length) this.done.open();
    }
    override connectionLost(): void {
      this.done.open();
    }
  }

  it("of our client exchanges strings with Twisted's server", async () => {
    const server = python("framing.py", "serve", name);
    const port = Number((await server.until(/listening on (\d+)/))[1]);
    const client = await connectProtocol(new TCP4ClientEndpoint(reactor(), "127.0.0.1", port), new Asking());
    await client.done.promise;
    expect(client.answers.map((answer) => answer.length)).toEqual(client.strings.map((string) => string.length));
    expect(client.answers.every((answer, i) => answer.reverse().equals(client.strings[i]!))).toBe(true);
  });

  it("of our server exchanges strings with Twisted's client", async () => {
    const port = listen(
      reactor(),
      building(() => new Reversing()),
    );
    await python("framing.py", "connect", name, port).until(/all is well/);
  });
});
