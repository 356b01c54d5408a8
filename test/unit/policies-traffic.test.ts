import { describe, expect, it } from "vitest";
import { SpewingFactory, TrafficLoggingFactory } from "../../src/entries/protocols/policies.ts";
import { Echo } from "../../src/protocols/wire.ts";
import { turns } from "../helpers/gate.ts";
import { collectLog } from "../helpers/log.ts";
import { connect, keepers, logged, PEER } from "../helpers/wrapped.ts";

const log = collectLog();

describe("a TrafficLoggingFactory", () => {
  function logging(lengthLimit?: number) {
    const lines: string[] = [];
    const factory = new TrafficLoggingFactory(
      keepers(),
      (line) => lines.push(line),
      lengthLimit === undefined ? {} : { lengthLimit },
    );
    return { lines, factory, ...connect(factory) };
  }

  it("logs connections, bytes received and sent, and the loss", () => {
    const { lines, wrapped, transport } = logging();
    transport.receive("hello\r\n");
    wrapped.transport.write("who is there?");
    wrapped.transport.loseConnection();
    transport.lose();
    expect(lines).toEqual([
      "1 * connected to 192.0.2.1:54321",
      "1 C 00000000  68 65 6c 6c 6f 0d 0a                             |hello..|",
      "1 S 00000000  77 68 6f 20 69 73 20 74 68 65 72 65 3f           |who is there?|",
      "1 S loseConnection()",
      "1 * lost: The connection was closed cleanly.",
    ]);
  });

  it("ends the connection and tells its protocol of the loss when the sink throws or rejects", async () => {
    const sinks: (() => unknown)[] = [
      () => {
        throw new RangeError("disk full");
      },
      async () => {
        throw new RangeError("disk full");
      },
    ];
    for (const sink of sinks) {
      const factory = new TrafficLoggingFactory(keepers(), sink);
      const { wrapped, transport } = connect(factory);
      wrapped.transport.write("last words");
      wrapped.transport.loseConnection();
      expect([transport.take(), transport.disconnecting]).toEqual(["last words", true]);
      transport.lose();
      expect([wrapped.calls.at(-1), factory.protocols.size]).toEqual(["connectionLost", 0]);
    }
    await turns(1);
    expect(new Set(log())).toEqual(new Set(["The sink of a traffic log threw: RangeError: disk full"]));
  });

  it("shows 16 bytes per line, with their offset in the stream", () => {
    const { lines, wrapped, transport } = logging();
    transport.receive("0123456789abcdefXY");
    transport.receive("Z");
    wrapped.transport.writeSequence(["a", Buffer.from("é")]);
    expect(lines.slice(1)).toEqual([
      "1 C 00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  |0123456789abcdef|",
      "1 C 00000010  58 59                                            |XY|",
      "1 C 00000012  5a                                               |Z|",
      "1 S 00000000  61                                               |a|",
      "1 S 00000001  c3 a9                                            |..|",
    ]);
  });

  it("shows at most the configured number of bytes of a piece", () => {
    const { lines, transport } = logging(4);
    transport.receive("0123456789");
    transport.receive("abcd");
    expect(lines.slice(1)).toEqual([
      "1 C 00000000  30 31 32 33                                      |0123|",
      "1 C … 6 more bytes",
      "1 C 0000000a  61 62 63 64                                      |abcd|",
    ]);
  });

  it("logs how this side ended the connection", () => {
    const { lines, wrapped } = logging();
    wrapped.transport.loseWriteConnection();
    wrapped.transport.abortConnection();
    expect(lines.slice(1)).toEqual(["1 S loseWriteConnection()", "1 S abortConnection()"]);
  });

  it("does not change the bytes", () => {
    const { wrapped, transport } = logging();
    transport.receive("in");
    wrapped.transport.write("out");
    expect([wrapped.received, transport.take()]).toEqual(["in", "out"]);
  });

  it("numbers its connections, and passes the number to the sink", () => {
    const numbers: number[] = [];
    const factory = new TrafficLoggingFactory(keepers(), (_, number) => numbers.push(number));
    const one = connect(factory);
    connect(factory);
    one.transport.receive("x");
    factory.resetCounter();
    connect(factory);
    expect(numbers).toEqual([1, 2, 1, 1]);
  });

  it("counts only protocols that were built", () => {
    const lines: string[] = [];
    const inner = keepers();
    const factory = new TrafficLoggingFactory(inner, (line) => lines.push(line));
    const build = inner.buildProtocol;
    inner.buildProtocol = () => null;
    factory.buildProtocol(PEER);
    inner.buildProtocol = build;
    connect(factory);
    expect(lines).toEqual(["1 * connected to 192.0.2.1:54321"]);
  });
});

describe("a SpewingFactory", () => {
  it("logs all bytes received and sent, in ASCII, and passes them on", () => {
    const said = logged();
    const { transport } = connect(new SpewingFactory(keepers(Echo)));
    transport.receive("hello\r\n");
    expect(transport.take()).toBe("hello\r\n");
    transport.receive(Buffer.of(0, 0x7f, 0xe9, 0x22));
    const { wrapped } = connect(new SpewingFactory(keepers()));
    wrapped.transport.write("é");
    expect(said).toEqual([
      'Received: "hello\\r\\n"',
      'Sending: "hello\\r\\n"',
      'Received: "\\u0000\\u007f\\u00e9\\""',
      'Sending: "\\u0000\\u007f\\u00e9\\""',
      'Sending: "\\u00c3\\u00a9"',
    ]);
  });
});
