import { afterEach, describe, expect, it } from "vitest";
import { LineOnlyReceiver, LineReceiver } from "../../src/entries/protocols/basic.ts";
import { ConnectionLost } from "../../src/internet/error.ts";
import type { Bytes } from "../../src/internet/interfaces.ts";
import { type LogEvent, setObserver } from "../../src/logger/logger.ts";
import { forSeeds } from "../helpers/cases.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { between, fragments } from "../helpers/random.ts";
import { volume } from "../helpers/volume.ts";

class Lines extends LineReceiver {
  readonly lines: string[] = [];
  readonly kept: Buffer[] = [];
  readonly raw: string[] = [];
  readonly exceeded: Buffer[] = [];
  onLine: (line: string) => void = () => {};
  onRaw: (data: Buffer) => void = () => {};

  override lineReceived(line: Buffer): void {
    this.kept.push(line);
    this.lines.push(line.toString());
    this.onLine(line.toString());
  }
  override rawDataReceived(data: Buffer): void {
    this.raw.push(data.toString());
    this.onRaw(data);
  }
  override lineLengthExceeded(line: Buffer): void {
    this.exceeded.push(line);
    super.lineLengthExceeded(line);
  }
}

class OnlyLines extends LineOnlyReceiver {
  readonly lines: string[] = [];
  readonly exceeded: Buffer[] = [];

  override lineReceived(line: Buffer): void {
    this.lines.push(line.toString());
  }
  override lineLengthExceeded(line: Buffer): void {
    this.exceeded.push(line);
    super.lineLengthExceeded(line);
  }
}

function start<P extends LineOnlyReceiver>(protocol: P): { protocol: P; transport: FakeTransport } {
  return { protocol, transport: new FakeTransport().connect(protocol) };
}

describe.each([
  ["LineReceiver", Lines],
  ["LineOnlyReceiver", OnlyLines],
])("%s", (_name, Receiver: new () => Lines | OnlyLines) => {
  it("delivers lines without their delimiter", () => {
    const { protocol, transport } = start(new Receiver());
    transport.receive("one\r\ntwo\r\n\r\nthree");
    expect(protocol.lines).toEqual(["one", "two", ""]);
    transport.receive("!\r\n");
    expect(protocol.lines).toEqual(["one", "two", "", "three!"]);
  });

  it("finds a delimiter that is split at any position, whatever its length", () => {
    for (const delimiter of ["\n", "\r\n", "--end--", "aab"]) {
      const stream = Buffer.from(`aa${delimiter}a${delimiter}${delimiter}\r-${delimiter}`);
      for (let cut = 0; cut <= stream.length; cut++) {
        const { protocol, transport } = start(new Receiver());
        protocol.delimiter = delimiter;
        transport.receive(stream.subarray(0, cut));
        transport.receive(stream.subarray(cut));
        expect(protocol.lines, `${JSON.stringify(delimiter)} cut at ${cut}`).toEqual(["aa", "a", "", "\r-"]);
      }
    }
  });

  it("accepts a delimiter of bytes that are not text", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.delimiter = Uint8Array.of(0xff, 0x00);
    transport.receive(Buffer.from([0x61, 0xff, 0x00, 0x62, 0xff]));
    transport.receive(Buffer.from([0x00]));
    expect(protocol.lines).toEqual(["a", "b"]);
  });

  it("refuses an empty delimiter", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.delimiter = "";
    expect(() => transport.receive("a")).toThrow(/delimiter must not be empty/);
  });

  it("searches its buffer for the new delimiter once the delimiter changes", () => {
    const { protocol, transport } = start(new Receiver());
    transport.receive("one\ntwo");
    protocol.delimiter = "\n";
    transport.receive("!\nthree");
    expect(protocol.lines).toEqual(["one", "two!"]);
  });

  it("accepts a line of MAX_LENGTH bytes, and closes for one more", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.MAX_LENGTH = 5;
    transport.receive("12345\r\n");
    expect(protocol.lines).toEqual(["12345"]);
    expect(transport.disconnecting).toBe(false);
    transport.receive("123456\r\nnext\r\n");
    expect(protocol.lines).toEqual(["12345"]);
    expect(protocol.exceeded.map(String)).toEqual(["123456\r\nnext\r\n"]);
    expect(transport.disconnecting).toBe(true);
  });

  it("closes as soon as an unterminated line exceeds MAX_LENGTH", () => {
    const { protocol, transport } = start(new Receiver());
    transport.receive("x".repeat(16_384));
    transport.receive("\r");
    expect(protocol.exceeded).toHaveLength(0);
    transport.receive("y");
    expect(protocol.exceeded.map((line) => line.length)).toEqual([16_386]);
    expect(transport.disconnecting).toBe(true);
  });

  it("starts a new line after an over-long one when the connection stays open", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.MAX_LENGTH = 3;
    protocol.lineLengthExceeded = () => {};
    transport.receive("12345");
    transport.receive("678\r\nabc\r\n");
    expect(protocol.lines).toEqual(["678", "abc"]);
  });

  it("stops delivering once the connection closes", () => {
    const { protocol, transport } = start(new Receiver());
    const deliver = protocol.lineReceived.bind(protocol);
    protocol.lineReceived = (line) => {
      deliver(line);
      if (line.toString() === "quit") transport.loseConnection();
    };
    transport.receive("one\r\nquit\r\nlate\r\n");
    transport.receive("later\r\n");
    expect(protocol.lines).toEqual(["one", "quit"]);
  });

  it("sends lines with their delimiter, whether they are text or bytes", () => {
    const { protocol, transport } = start(new Receiver());
    protocol.sendLine("grüß");
    protocol.sendLine(Buffer.from("bytes"));
    protocol.delimiter = Buffer.from("\n");
    protocol.sendLine("text");
    expect(transport.take()).toBe("grüß\r\nbytes\r\ntext\n");
  });

  it("delivers 524,288 empty lines of one read without growing the stack", () => {
    const { protocol, transport } = start(new Receiver());
    transport.receive("\r\n".repeat(524_288));
    expect(protocol.lines).toHaveLength(524_288);
  });

  it("takes effect at once when it is paused in one of 524,288 empty lines", () => {
    const { protocol, transport } = start(new Receiver());
    const deliver = protocol.lineReceived.bind(protocol);
    protocol.lineReceived = (line) => {
      deliver(line);
      if (protocol.lines.length % 100_000 === 0) protocol.pauseProducing();
    };
    transport.receive("\r\n".repeat(524_288));
    for (const lines of [100_000, 200_000, 300_000, 400_000, 500_000]) {
      expect(protocol.lines).toHaveLength(lines);
      expect(transport.paused).toBe(true);
      protocol.resumeProducing();
    }
    expect(protocol.lines).toHaveLength(524_288);
    expect(protocol.paused).toBe(false);
  });

  it("takes linear time for a stream that comes in single bytes", () => {
    const cost = (length: number) => {
      const { protocol, transport } = start(new Receiver());
      protocol.MAX_LENGTH = length;
      const bytes = Array.from({ length: 256 }, (_, i) => Buffer.from([i]));
      const began = process.cpuUsage();
      for (let i = 0; i < length; i++) protocol.dataReceived(bytes[0x61]!);
      protocol.dataReceived(Buffer.from("\r\n"));
      const { user, system } = process.cpuUsage(began);
      expect(protocol.lines).toHaveLength(1);
      expect(transport.disconnecting).toBe(false);
      return user + system;
    };
    // What else runs only adds to it.
    const least = (length: number) => Math.min(cost(length), cost(length), cost(length));
    // Sixteen times the bytes; a quadratic receiver takes 256 times as long.
    expect(least(1024 * 1024) / Math.max(1, least(64 * 1024))).toBeLessThan(64);
  });

  it("delivers exactly the lines of a stream, however it is fragmented", () => {
    forSeeds(volume({ gate: 300, long: 30_000 }), (random) => {
      const delimiter: Bytes = random() < 0.5 ? "\r\n" : random() < 0.5 ? "\n" : "abab";
      const alphabet = delimiter === "abab" ? "abc" : "xy\r";
      const lines = Array.from({ length: between(random, 0, 40) }, () =>
        Array.from(
          { length: between(random, 0, random() < 0.1 ? 700 : 12) },
          () => alphabet[between(random, 0, alphabet.length - 1)],
        )
          .join("")
          .replaceAll("abab", "abac"),
      );
      const stream = Buffer.from(lines.map((line) => line + delimiter).join(""));
      const { protocol, transport } = start(new Receiver());
      protocol.delimiter = delimiter;
      for (const piece of fragments(random, stream, random() < 0.3 ? 2 : 200)) transport.receive(piece);
      // A line may end with the beginning of a delimiter, so the stream itself says what its lines are.
      const expected = stream.toString().split(String(delimiter)).slice(0, -1);
      expect(protocol.lines).toEqual(expected);
    });
  });

  it("says what to do when the class does not override lineReceived()", () => {
    class Empty extends (Object.getPrototypeOf(Receiver) as typeof LineOnlyReceiver) {}
    const { transport } = start(new Empty());
    expect(() => transport.receive("a\r\n")).toThrow("Empty receives lines: it must override lineReceived(line).");
  });
});

describe("LineReceiver", () => {
  let restore: (() => void) | undefined;
  afterEach(() => restore?.());

  it("gives lines and raw data to their receiver for good", () => {
    const { protocol, transport } = start(new Lines());
    const longLine = "z".repeat(500);
    transport.receive(`short\r\n${longLine}\r\nbegin`);
    transport.receive("ning\r\n");
    expect(protocol.kept.map(String)).toEqual(["short", longLine, "beginning"]);
  });

  it("never overwrites a line it delivered, short, long or joined from two reads", () => {
    const { protocol, transport } = start(new Lines());
    const sent = Array.from({ length: 400 }, (_, i) => String.fromCharCode(0x61 + (i % 26)).repeat((i * 37) % 7001));
    const stream = sent.map((line) => `${line}\r\n`).join("");
    for (let at = 0; at < stream.length; at += 20_011) transport.receive(stream.slice(at, at + 20_011));
    expect(protocol.kept.map(String)).toEqual(sent);
  });

  it("delivers lines whose memory can be transferred without the bytes of other lines", () => {
    const { protocol, transport } = start(new Lines());
    transport.receive("one\r\ntwo\r\n");
    const [one, two] = protocol.kept;
    try {
      structuredClone(one, { transfer: [one!.buffer as ArrayBuffer] });
    } catch {
      // Node 20 makes a copy instead, later ones refuse.
    }
    expect(String(two)).toBe("two");
  });

  it("keeps no more than 8 KiB alive for a short line that is kept", () => {
    const { protocol, transport } = start(new Lines());
    transport.receive("short\r\n".repeat(8192));
    const memory = new Set(protocol.kept.map((line) => line.buffer));
    for (const { byteLength } of memory) expect(byteLength).toBeLessThanOrEqual(8192);
  });

  it("copies the rest of an over-long line back into line mode", () => {
    const { protocol, transport } = start(new Lines());
    protocol.MAX_LENGTH = 8;
    protocol.delimiter = "\n";
    protocol.lineLengthExceeded = (line) => protocol.setLineMode(line.subarray(9));
    transport.receive("one\n1234567890123\ntwo\n");
    expect(protocol.lines).toEqual(["one", "0123", "two"]);
  });

  it("returns to raw mode while it is paused", () => {
    const { protocol, transport } = start(new Lines());
    protocol.onLine = (line) => {
      if (line !== "rawpause") return;
      protocol.pauseProducing();
      protocol.setRawMode();
    };
    protocol.onRaw = (data) => protocol.setLineMode(data.subarray(5));
    transport.receive("one\r\nrawpause\r\n12345two\r\n");
    expect(protocol.lines).toEqual(["one", "rawpause"]);
    expect(protocol.raw).toEqual([]);
    protocol.resumeProducing();
    expect(protocol.raw).toEqual(["12345two\r\n"]);
    expect(protocol.lines).toEqual(["one", "rawpause", "two"]);
  });

  it("ends the connection when an async rawDataReceived() rejects", async () => {
    restore = () => setObserver(previous);
    const previous = setObserver(() => {});
    class Rejects extends LineReceiver {
      override async rawDataReceived(_data: Buffer): Promise<void> {
        throw new RangeError("bad data");
      }
    }
    const { protocol, transport } = start(new Rejects());
    protocol.setRawMode();
    transport.receive("data");
    await new Promise(setImmediate);
    expect(transport.aborted).toBe(true);
  });

  it("says what to do when the class does not override rawDataReceived()", () => {
    class Empty extends LineReceiver {}
    const { protocol, transport } = start(new Empty());
    protocol.setRawMode();
    expect(() => transport.receive("a")).toThrow("Empty is in raw mode: it must override rawDataReceived(data).");
  });

  it("borrows what it receives", () => {
    expect(LineReceiver.borrows).toBe(true);
    expect(LineOnlyReceiver.borrows).toBe(true);
  });

  it("delivers raw data from the first byte after the line that called setRawMode()", () => {
    const { protocol, transport } = start(new Lines());
    protocol.onLine = (line) => {
      if (line === "DATA") protocol.setRawMode();
    };
    transport.receive("HELO\r\nDATA\r\nab\r\ncd");
    transport.receive("ef");
    expect(protocol.lines).toEqual(["HELO", "DATA"]);
    expect(protocol.raw).toEqual(["ab\r\ncd", "ef"]);
  });

  it("returns to line mode with the bytes passed to setLineMode()", () => {
    const { protocol, transport } = start(new Lines());
    let wanted = 0;
    protocol.onLine = (line) => {
      if (!line.startsWith("LEN ")) return;
      wanted = Number(line.slice(4));
      protocol.setRawMode();
    };
    protocol.onRaw = (data) => {
      const rest = data.subarray(Math.min(wanted, data.length));
      wanted -= data.length - rest.length;
      if (wanted === 0) protocol.setLineMode(rest);
    };
    const stream = "LEN 5\r\nab\r\ncnext\r\nLEN 1\r\nxlast\r\nLEN 2\r\n";
    for (let cut = 1; cut < stream.length; cut++) {
      protocol.lines.length = 0;
      transport.receive(stream.slice(0, cut));
      transport.receive(stream.slice(cut));
      expect(protocol.lines, `cut at ${cut}`).toEqual(["LEN 5", "next", "LEN 1", "last", "LEN 2"]);
      transport.receive("zz");
    }
  });

  it("returns to line mode from outside rawDataReceived()", () => {
    const { protocol, transport } = start(new Lines());
    protocol.setRawMode();
    transport.receive("raw");
    protocol.setLineMode(Buffer.from("one\r\ntw"));
    transport.receive("o\r\n");
    expect(protocol.lines).toEqual(["one", "two"]);
  });

  it("alternates between modes 5,000 times in one chunk without growing the stack", () => {
    const { protocol, transport } = start(new Lines());
    protocol.onLine = () => protocol.setRawMode();
    protocol.onRaw = (data) => protocol.setLineMode(data);
    transport.receive("\r\n".repeat(5_000));
    expect(protocol.lines).toHaveLength(5_000);
  });

  it("stops at once when it is paused inside lineReceived(), and delivers the rest after resumeProducing()", () => {
    const { protocol, transport } = start(new Lines());
    protocol.onLine = (line) => {
      if (line === "stop") protocol.pauseProducing();
    };
    transport.receive("one\r\nstop\r\ntwo\r\nstop\r\nthr");
    expect(protocol.lines).toEqual(["one", "stop"]);
    expect(transport.paused).toBe(true);
    protocol.resumeProducing();
    expect(protocol.lines).toEqual(["one", "stop", "two", "stop"]);
    transport.receive("ee\r\nfour\r\n");
    expect(protocol.lines).toEqual(["one", "stop", "two", "stop"]);
    protocol.resumeProducing();
    expect(protocol.lines).toEqual(["one", "stop", "two", "stop", "three", "four"]);
    expect(transport.paused).toBe(false);
  });

  it("continues when it is resumed inside the same lineReceived()", () => {
    const { protocol, transport } = start(new Lines());
    protocol.onLine = () => {
      protocol.pauseProducing();
      protocol.resumeProducing();
    };
    transport.receive("one\r\ntwo\r\n");
    expect(protocol.lines).toEqual(["one", "two"]);
  });

  it("drops its buffer when the connection is lost", () => {
    const { protocol, transport } = start(new Lines());
    protocol.onLine = () => protocol.pauseProducing();
    transport.receive("one\r\ntwo\r\n");
    transport.lose(new ConnectionLost());
    protocol.resumeProducing();
    expect(protocol.lines).toEqual(["one"]);
    expect(protocol.clearLineBuffer()).toHaveLength(0);
  });

  it("pauses raw data", () => {
    const { protocol, transport } = start(new Lines());
    protocol.setRawMode();
    protocol.pauseProducing();
    transport.receive("ab");
    expect(protocol.raw).toEqual([]);
    protocol.resumeProducing();
    expect(protocol.raw).toEqual(["ab"]);
  });

  it("takes one line at a time from 10,000 in linear time", () => {
    const { protocol, transport } = start(new Lines());
    protocol.onLine = () => protocol.pauseProducing();
    transport.receive("line\r\n".repeat(10_000));
    for (let i = 1; i < 10_000; i++) protocol.resumeProducing();
    expect(protocol.lines).toHaveLength(10_000);
  });

  it("closes the connection on stopProducing(), and delivers nothing more", () => {
    const { protocol, transport } = start(new Lines());
    protocol.onLine = () => protocol.stopProducing();
    transport.receive("one\r\ntwo\r\n");
    expect(transport.disconnecting).toBe(true);
    expect(protocol.lines).toEqual(["one"]);
  });

  it("returns and empties its buffer in clearLineBuffer()", () => {
    const { protocol, transport } = start(new Lines());
    expect(protocol.clearLineBuffer().toString()).toBe("");
    transport.receive("begun");
    expect(protocol.clearLineBuffer().toString()).toBe("begun");
    transport.receive("new\r\n");
    protocol.onLine = () => void protocol.raw.push(protocol.clearLineBuffer().toString());
    transport.receive("a");
    transport.receive("b\r\nc\r\nd");
    expect(protocol.lines).toEqual(["new", "ab"]);
    expect(protocol.raw).toEqual(["c\r\nd"]);
  });

  it("appends data that arrives during lineReceived() to its buffer", () => {
    const { protocol, transport } = start(new Lines());
    protocol.onLine = (line) => {
      if (line === "one") transport.receive("three\r\nfo");
    };
    transport.receive("o");
    transport.receive("ne\r\ntwo\r\n");
    transport.receive("ur\r\n");
    expect(protocol.lines).toEqual(["one", "two", "three", "four"]);
  });

  it("changes the delimiter between two lines of one chunk", () => {
    const { protocol, transport } = start(new Lines());
    protocol.onLine = () => {
      protocol.delimiter = ";";
    };
    transport.receive("on");
    transport.receive("e\r\ntwo;three;\r\n");
    expect(protocol.lines).toEqual(["one", "two", "three"]);
  });

  it("keeps the bytes after a line whose lineReceived() threw", () => {
    const { protocol, transport } = start(new Lines());
    protocol.onLine = (line) => {
      if (line === "bad") throw new RangeError("bad line");
    };
    expect(() => transport.receive("bad\r\nnext\r\n")).toThrow(RangeError);
    transport.receive("last\r\n");
    expect(protocol.lines).toEqual(["bad", "next", "last"]);
  });

  it("ends the connection when lineReceived() throws for a buffered line after resumeProducing()", () => {
    const events: LogEvent[] = [];
    const previous = setObserver((event) => events.push(event));
    restore = () => void setObserver(previous);
    const { protocol, transport } = start(new Lines());
    protocol.onLine = (line) => {
      if (line === "bad") throw new RangeError("bad line");
      protocol.pauseProducing();
    };
    transport.receive("one\r\nbad\r\nnext\r\n");
    protocol.resumeProducing();
    expect(transport.aborted).toBe(true);
    expect(protocol.lines).toEqual(["one", "bad"]);
    expect(events.map(({ error }) => error)).toEqual([new RangeError("bad line")]);
  });

  it("ends the connection when an async lineReceived() rejects", async () => {
    const events: LogEvent[] = [];
    const previous = setObserver((event) => events.push(event));
    restore = () => void setObserver(previous);
    class Rejects extends LineReceiver {
      override async lineReceived(_line: Buffer): Promise<void> {
        throw new RangeError("bad line");
      }
    }
    const { transport } = start(new Rejects());
    transport.receive("one\r\n");
    await new Promise(setImmediate);
    expect(transport.aborted).toBe(true);
    expect(events.map(({ error }) => error)).toEqual([new RangeError("bad line")]);
  });

  it("delivers every line and raw byte when the stream is fragmented, paused and resumed at random", () => {
    forSeeds(volume({ gate: 200, long: 20_000 }), (random) => {
      const parts = Array.from({ length: between(random, 1, 30) }, () =>
        random() < 0.3 ? { raw: "r\r\n".repeat(between(random, 1, 20)) } : { line: "l".repeat(between(random, 0, 30)) },
      );
      const stream = parts
        .map(({ raw, line }) => (raw === undefined ? `${line}\r\n` : `RAW ${raw.length}\r\n${raw}`))
        .join("");
      const { protocol, transport } = start(new Lines());
      const got: typeof parts = [];
      let wanted = 0;
      let raw = "";
      protocol.onLine = (line) => {
        if (line.startsWith("RAW ")) {
          wanted = Number(line.slice(4));
          protocol.setRawMode();
        } else {
          got.push({ line });
        }
        if (random() < 0.2) protocol.pauseProducing();
      };
      protocol.onRaw = (data) => {
        const mine = data.subarray(0, wanted);
        raw += mine.toString();
        wanted -= mine.length;
        if (wanted > 0) return;
        got.push({ raw });
        raw = "";
        protocol.setLineMode(data.subarray(mine.length));
      };
      for (const piece of fragments(random, Buffer.from(stream), 40)) {
        while (protocol.paused) protocol.resumeProducing();
        transport.receive(piece);
      }
      while (protocol.paused) protocol.resumeProducing();
      expect(got).toEqual(parts);
    });
  });
});
