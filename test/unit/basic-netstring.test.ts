import { describe, expect, it } from "vitest";
import { NetstringReceiver } from "../../src/entries/protocols/basic.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { collectLog } from "../helpers/log.ts";
import { expectBounded } from "../helpers/memory.ts";

class Strings extends NetstringReceiver {
  readonly got: Buffer[] = [];
  onString: (string: string) => unknown = () => undefined;

  override stringReceived(string: Buffer): unknown {
    this.got.push(string);
    return this.onString(string.toString());
  }
  get texts(): string[] {
    return this.got.map(String);
  }
}

function start(maxLength?: number): { protocol: Strings; transport: FakeTransport } {
  const protocol = new Strings();
  if (maxLength !== undefined) protocol.MAX_LENGTH = maxLength;
  return { protocol, transport: new FakeTransport().connect(protocol) };
}

describe("NetstringReceiver", () => {
  const log = collectLog();

  it("borrows, and allows 99,999 bytes", () => {
    expect(NetstringReceiver.borrows).toBe(true);
    expect(start().protocol.MAX_LENGTH).toBe(99_999);
    expect(start().protocol.brokenPeer).toBe(false);
  });

  it.each([
    ["0:,", [""]],
    ["1:a,", ["a"]],
    ["2:ab,", ["ab"]],
    ["4:1:a,,", ["1:a,"]],
    ["1:,,1::,", [",", ":"]],
    ["12:hello world!,0:,3:end,", ["hello world!", "", "end"]],
  ])("delivers what %j holds", (stream, strings) => {
    const { protocol, transport } = start();
    transport.receive(stream);
    expect(protocol.texts).toEqual(strings);
    expect(transport.disconnecting).toBe(false);
  });

  it("delivers the same strings wherever the stream is split in two reads", () => {
    const stream = "5:hello,0:,10:0123456789,1:,,";
    for (let cut = 0; cut <= stream.length; cut++) {
      const { protocol, transport } = start();
      transport.receive(stream.slice(0, cut));
      transport.receive(stream.slice(cut));
      expect(protocol.texts, `cut at ${cut}`).toEqual(["hello", "", "0123456789", ","]);
    }
  });

  it("delivers strings that arrive byte by byte", () => {
    const { protocol, transport } = start();
    for (const byte of "11:hello world,0:,") transport.receive(byte);
    expect(protocol.texts).toEqual(["hello world", ""]);
  });

  it("delivers a string as soon as its comma arrives", () => {
    const { protocol, transport } = start();
    transport.receive("1:a");
    expect(protocol.texts).toEqual([]);
    transport.receive(",1");
    expect(protocol.texts).toEqual(["a"]);
    transport.receive(":b,");
    expect(protocol.texts).toEqual(["a", "b"]);
  });

  it.each([
    ["a missing length", ":aaa,"],
    ["a letter for a length", "a:aaa,"],
    ["a string alone", "aaa"],
    ["a missing colon", "3aaa,"],
    ["a sign", "-1:a,"],
    ["a plus sign", "+1:a,"],
    ["a space before the length", " 1:a,"],
    ["a space behind the length", "1 :a,"],
    ["a length with a leading zero", "01:a,"],
    ["a zero with a leading zero", "00:,"],
    ["a line's end between two strings", "1:a,\n1:b,"],
    ["a comma too many", "1:a,,"],
    ["more than was announced", "2:aaa,"],
    ["something where nothing was announced", "0:a,"],
    ["a string without its comma", "4:abcde"],
    ["one byte more than MAX_LENGTH", `51:${"a".repeat(51)},`],
    ["a digit more than MAX_LENGTH has", "100"],
    ["a length of very many digits", "9".repeat(400)],
  ])("ends the connection for %s", (_what, stream) => {
    const whole = start(50);
    whole.transport.receive(stream);
    expect(whole.protocol.brokenPeer).toBe(true);
    expect(whole.transport.disconnecting).toBe(true);

    const single = start(50);
    for (const byte of stream) single.transport.receive(byte);
    expect(single.protocol.brokenPeer).toBe(true);
    expect(single.transport.disconnecting).toBe(true);
    expect(single.protocol.texts).toEqual(whole.protocol.texts);
  });

  it("refuses a length at its first digit too many, before the colon", () => {
    const { protocol, transport } = start(99_999);
    transport.receive("99999");
    expect(protocol.brokenPeer).toBe(false);
    transport.receive("0");
    expect(protocol.brokenPeer).toBe(true);
  });

  it("delivers the strings before invalid bytes, and nothing after them", () => {
    const { protocol, transport } = start();
    transport.receive("1:a,x1:b,");
    transport.receive("1:c,");
    expect(protocol.texts).toEqual(["a"]);
  });

  it("delivers nothing after invalid bytes, even if the transport stays open", () => {
    const { protocol, transport } = start();
    transport.loseConnection = () => {};
    transport.receive("x");
    transport.receive("1:a,");
    expect(protocol.brokenPeer).toBe(true);
    expect(protocol.texts).toEqual([]);
  });

  it("accepts a string of MAX_LENGTH bytes", () => {
    const { protocol, transport } = start(12);
    transport.receive("12:123456789012,");
    expect(protocol.texts).toEqual(["123456789012"]);
    transport.receive("13:");
    expect(protocol.brokenPeer).toBe(true);
  });

  it("sends bytes or text with the length in bytes", () => {
    const { protocol, transport } = start();
    protocol.sendString(Buffer.from("bytes"));
    protocol.sendString("grüß");
    protocol.sendString("");
    expect(transport.written.toString()).toBe("5:bytes,6:grüß,0:,");
  });

  it("receives what it sends", () => {
    const strings = ["hello", "", ":today", "1:a,", "a".repeat(515), "\0\xff"];
    for (let most = 1; most < 10; most++) {
      const { protocol, transport } = start();
      for (const string of strings) protocol.sendString(string);
      const stream = transport.written;
      for (let at = 0; at < stream.length; at += most) transport.receive(stream.subarray(at, at + most));
      expect(protocol.texts).toEqual(strings);
    }
  });

  it("stops delivering once the connection closes", () => {
    const { protocol, transport } = start();
    protocol.onString = (string) => string === "quit" && transport.loseConnection();
    transport.receive("3:one,4:quit,4:late,");
    expect(protocol.texts).toEqual(["one", "quit"]);
    expect(protocol.brokenPeer).toBe(false);
  });

  it("can be paused between two strings of one read", () => {
    const { protocol, transport } = start();
    protocol.onString = () => protocol.pauseProducing();
    transport.receive("3:one,3:two,3:thr");
    expect(protocol.texts).toEqual(["one"]);
    protocol.resumeProducing();
    protocol.resumeProducing();
    expect(protocol.texts).toEqual(["one", "two"]);
    expect(transport.paused).toBe(false);
  });

  it("appends data that arrives during stringReceived() to its buffer", () => {
    const { protocol, transport } = start();
    protocol.onString = (string) => string === "one" && transport.receive("5:three,4:fo");
    transport.receive("3:one,3:two,");
    transport.receive("ur,");
    expect(protocol.texts).toEqual(["one", "two", "three", "four"]);
  });

  it("allocates nothing for an announced length", async () => {
    await expectBounded(1024 * 1024, () =>
      Array.from({ length: 200 }, () => {
        const { protocol, transport } = start(2 ** 31);
        transport.receive("2147483647:");
        transport.receive("some bytes");
        return protocol;
      }),
    );
  });

  it("delivers 100,000 empty strings of one read without growing the stack", () => {
    const { protocol, transport } = start();
    transport.receive("0:,".repeat(100_000));
    expect(protocol.got).toHaveLength(100_000);
  });

  it("ends the connection when an async stringReceived() rejects", async () => {
    const { protocol, transport } = start();
    protocol.onString = async () => {
      throw new RangeError("bad string");
    };
    transport.receive("1:a,");
    await new Promise(setImmediate);
    expect(transport.aborted).toBe(true);
    expect(log()).toEqual([expect.stringMatching(/^Strings threw; .* RangeError: bad string/)]);
  });

  it("says what to do when the class does not override stringReceived()", () => {
    class Empty extends NetstringReceiver {}
    const transport = new FakeTransport().connect(new Empty());
    expect(() => transport.receive("1:a,")).toThrow("Empty receives strings: it must override stringReceived(string).");
  });
});
