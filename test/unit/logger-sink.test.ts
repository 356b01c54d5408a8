import { EventEmitter } from "node:events";
import { createWriteStream } from "node:fs";
import { Writable } from "node:stream";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { LogEvent, setObserver, textFileLogObserver } from "../../src/logger/logger.ts";
import { say } from "../../src/logger/output.ts";
import { QUEUED_MAX, RETRY_FIRST, RETRY_MAX, Sink } from "../../src/logger/sink.ts";

const event = (text: string): LogEvent => new LogEvent("info", "test", text);
const format = (one: LogEvent): string => `${one.message}\n`;

/** A stream whose writes end when the test says so. */
class Held extends Writable {
  readonly written: string[] = [];
  #pending: ((error?: Error) => void)[] = [];

  constructor() {
    super({ decodeStrings: false, autoDestroy: false, highWaterMark: 16 });
  }
  override _write(chunk: string, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.written.push(chunk);
    this.#pending.push(done);
  }
  /** End the next `count` writes. */
  async endNext(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.#pending.shift()?.();
      await new Promise(setImmediate);
    }
  }
  /** End all writes, also those that begin meanwhile. */
  async end_(error?: Error): Promise<void> {
    for (let done = this.#pending.shift(); done !== undefined; done = this.#pending.shift()) {
      done(error);
      await new Promise(setImmediate);
    }
  }
}

/** A stream that works again after an error, as the standard streams do. */
class Stub extends EventEmitter {
  readonly written: string[] = [];
  error: Error | undefined;

  write(text: string, done?: (error?: Error) => void): void {
    this.written.push(text);
    done?.(this.error);
    if (this.error !== undefined) this.emit("error", this.error);
  }
}

afterEach(() => {
  setObserver(undefined);
});

describe("the sink of a stream", () => {
  it("writes events in their order", async () => {
    const stream = new Held();
    const sink = new Sink(stream);
    sink.log(event("a"), format);
    sink.log(event("b"), format);
    await stream.end_();
    expect(stream.written).toEqual(["a\n", "b\n"]);
  });

  it("drops events beyond its bound without formatting them, and says how many when the rest is written", async () => {
    const stream = new Held();
    const sink = new Sink(stream);
    sink.log(event("x"), () => "x".repeat(QUEUED_MAX + 1));
    const formats = vi.fn(format);
    for (let i = 0; i < 5; i++) sink.log(event("lost"), formats);
    expect(formats).not.toHaveBeenCalled();
    expect(sink.lost).toBe(5);
    await stream.end_();
    expect(stream.written.slice(1)).toEqual([
      "5 log events before this one were dropped: they were not read fast enough\n",
    ]);
    expect(sink.lost).toBe(0);
    sink.log(event("next"), format);
    await stream.end_();
    expect(stream.written.at(-1)).toBe("next\n");
  });

  it("hears of one 'drain' only, however often it is full before the stream is empty", async () => {
    const stream = new Held();
    const sink = new Sink(stream);
    const padded = (one: LogEvent): string => format(one).padEnd(one.message === "flood" ? QUEUED_MAX / 10 : 0);
    for (let round = 0; round < 12; round++) {
      const { lost } = sink;
      while (sink.lost === lost || stream.writableLength <= QUEUED_MAX) sink.log(event("flood"), padded);
      await stream.endNext(7);
      sink.log(event("again"), format);
      expect([round, sink.lost, stream.listenerCount("drain")]).toEqual([round, 0, 1]);
    }
    while (sink.lost === 0) sink.log(event("flood"), padded);
    await stream.end_();
    expect(stream.written.at(-1)).toMatch(/^1 log events before this one were dropped/);
    expect(stream.listenerCount("drain")).toBe(0);
  });

  it("says what is missing when the stream is empty, although what filled it was no event", async () => {
    const stream = new Held();
    const sink = new Sink(stream);
    sink.say("x".repeat(QUEUED_MAX + 1));
    sink.say("lost, and no event");
    sink.log(event("lost"), format);
    await stream.end_();
    expect(stream.written.slice(1)).toEqual([
      "1 log events before this one were dropped: they were not read fast enough\n",
    ]);
  });

  it("waits on when the stream was filled again before it could say what is missing", async () => {
    const stream = new Held();
    stream.once("drain", () => stream.write("x".repeat(QUEUED_MAX + 1)));
    const sink = new Sink(stream);
    sink.log(event("x"), () => "x".repeat(QUEUED_MAX + 1));
    sink.log(event("lost"), format);
    await stream.end_();
    expect(stream.written.slice(2)).toEqual([
      "1 log events before this one were dropped: they were not read fast enough\n",
    ]);
  });

  it("tries a stream that fails again after a second, two, four, and a minute at most; then says what is missing", () => {
    const stream = new Stub();
    let now = 0;
    const sink = new Sink(stream, { now: () => now, shared: true });
    stream.error = new Error("no space left");
    sink.log(event("first"), format);
    let wait = RETRY_FIRST;
    for (let tries = 1; tries < 9; tries++) {
      now += wait - 1;
      sink.log(event("too early"), format);
      expect(stream.written).toHaveLength(tries);
      now += 1;
      sink.log(event("tried"), format);
      expect(stream.written).toHaveLength(tries + 1);
      wait = Math.min(2 * wait, RETRY_MAX);
    }
    expect(wait).toBe(RETRY_MAX);
    stream.error = undefined;
    now += wait;
    sink.log(event("works"), format);
    expect(stream.written.at(-1)).toBe("17 log events before this one were dropped: no space left\nworks\n");
    sink.log(event("more"), format);
    expect(stream.written.at(-1)).toBe("more\n");
  });

  it("drops the events of a stream that is closed", () => {
    const stream = new Held();
    const sink = new Sink(stream);
    stream.destroy();
    sink.log(event("x"), format);
    expect(sink.lost).toBe(1);
    expect(stream.written).toEqual([]);
  });

  it("hears the errors of the program's standard streams only during its own writes", async () => {
    const stream = new Held();
    const sink = new Sink(stream, { shared: true });
    expect(stream.listenerCount("error")).toBe(0);
    sink.log(event("x"), format);
    expect(stream.listenerCount("error")).toBe(0);
    await stream.end_(new Error("EPIPE"));
    expect(stream.listenerCount("error")).toBe(0);
    expect(sink.lost).toBe(1);
  });

  it("takes a write() that throws, as those to files do, for a failure", () => {
    const stream = Object.assign(new EventEmitter(), {
      write(): never {
        throw new Error("ENOSPC");
      },
    });
    const sink = new Sink(stream);
    sink.log(event("x"), format);
    expect(sink.lost).toBe(1);
  });

  it("counts what an object that is not a stream rejects", async () => {
    const sink = new Sink({ write: () => Promise.reject(new Error("no")) });
    sink.log(event("x"), format);
    await new Promise(setImmediate);
    expect(sink.lost).toBe(1);
  });

  it("counts what an object that is not a stream throws at, with what it missed before", async () => {
    let written = "";
    const writes = [
      () => Promise.reject(new Error("rejected")),
      () => {
        throw new Error("thrown");
      },
    ];
    const sink = new Sink({
      write: (text) => {
        const next = writes.shift();
        if (next !== undefined) return next();
        written += text;
      },
    });
    sink.log(event("rejected"), format);
    await new Promise(setImmediate);
    expect(() => sink.log(event("thrown"), format)).toThrow("thrown");
    expect(sink.lost).toBe(2);
    sink.log(event("works"), format);
    expect(written).toBe("2 log events before this one were dropped: thrown\nworks\n");
  });
});

describe("an observer of a stream", () => {
  it("reports on standard error that the stream failed, once, and does not end the process", async () => {
    const written = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    onTestFinished(() => written.mockRestore());
    const stream = createWriteStream("/nonexistent/skein.log");
    const observer = textFileLogObserver(stream);
    for (let i = 0; i < 10; i++) observer(event("x"));
    await new Promise<void>((resolve) => stream.once("close", resolve));
    observer(event("y"));
    await new Promise(setImmediate);
    const lines = written.mock.calls.map(([text]) => String(text));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/A stream of the log failed, and misses events.*ENOENT.*skein\.log/);
  });

  it("shares queue and count with the others of that stream", () => {
    const stream = new Held();
    const [one, other] = [textFileLogObserver(stream), textFileLogObserver(stream)];
    for (let i = 0; i < 20; i++) for (const observer of [one, other]) observer(event("x".repeat(60_000)));
    expect(stream.writableLength).toBeLessThan(QUEUED_MAX + 100_000);
  });
});

describe("what the process says on its standard streams", () => {
  it("has no control characters, and never throws", () => {
    const written = vi.spyOn(process.stdout, "write").mockImplementation(() => {
      throw new Error("EIO");
    });
    onTestFinished(() => written.mockRestore());
    say("a\x1b[2J\n");
    expect(written.mock.calls.map(([text]) => text)).toEqual(["a\\x1b[2J\n"]);
  });
});
