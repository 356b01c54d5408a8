import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { CancelledError, type Deferred } from "../../src/entries/defer.ts";
import { type ByteSource, FileSender, TransferStoppedError } from "../../src/entries/protocols/basic.ts";
import type { Bytes, Consumer, Producer, PullProducer, PushProducer } from "../../src/internet/interfaces.ts";
import { errorOf, watch } from "../helpers/outcome.ts";

/** Takes what it is given, and asks for the next piece when the test, or `eager`, says so. */
class Sink implements Consumer {
  readonly pieces: Buffer[] = [];
  producer: PullProducer | undefined;
  streaming: boolean | undefined;
  /** Ask for more whenever something was written, one turn later, as a fast transport does. */
  eager = true;
  onWrite: () => void = () => {};

  registerProducer(producer: PushProducer | PullProducer, streaming: boolean): void {
    if (this.producer !== undefined) throw new RangeError("there is a producer already");
    this.producer = producer as PullProducer;
    this.streaming = streaming;
    if (this.eager) this.producer.resumeProducing();
  }
  unregisterProducer(): void {
    this.producer = undefined;
  }
  write(data: Bytes): void {
    this.pieces.push(Buffer.from(data as string));
    this.onWrite();
    if (this.eager) queueMicrotask(() => this.producer?.resumeProducing());
  }
  get text(): string {
    return Buffer.concat(this.pieces).toString();
  }
}

async function* iterated(...pieces: Bytes[]): AsyncGenerator<Bytes> {
  yield* pieces;
}

/** An iterator whose items come when the test gives them. */
class Slow implements AsyncIterableIterator<Bytes, undefined> {
  asked = 0;
  returned = 0;
  #answer: ((result: IteratorResult<Bytes, undefined>) => void) | undefined;
  #fail: ((error: unknown) => void) | undefined;

  next(): Promise<IteratorResult<Bytes, undefined>> {
    this.asked++;
    return new Promise((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
    });
  }
  async return(): Promise<IteratorResult<Bytes, undefined>> {
    this.returned++;
    return { done: true, value: undefined };
  }
  [Symbol.asyncIterator](): this {
    return this;
  }
  async give(value: Bytes): Promise<void> {
    this.#answer?.({ done: false, value });
    await settled();
  }
  async fail(error: unknown): Promise<void> {
    this.#fail?.(error);
    await settled();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function send(file: ByteSource, sink = new Sink(), chunkSize?: number): { done: Deferred<Buffer>; sink: Sink } {
  const sender = new FileSender();
  if (chunkSize !== undefined) sender.CHUNK_SIZE = chunkSize;
  return { done: sender.beginFileTransfer(file, sink), sink };
}

describe("FileSender", () => {
  let folder: string;
  let path: string;
  const content = Buffer.from(Array.from({ length: 40_000 }, (_, i) => i % 251));

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "filesender-"));
    path = join(folder, "file");
    await writeFile(path, content);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("registers itself as a pull producer", () => {
    const sink = new Sink();
    sink.eager = false;
    const sender = new FileSender();
    sender.beginFileTransfer(iterated("Test content"), sink);
    expect(sink.producer).toBe(sender);
    expect(sink.streaming).toBe(false);
    expectTypeOf(sender).toExtend<PullProducer & Producer>();
  });

  it("sends an open file in pieces of 16 KiB, fires with the last byte, and leaves the file open", async () => {
    await using file = await open(path);
    const { done, sink } = send(file);
    expect(await done).toEqual(content.subarray(-1));
    expect(Buffer.concat(sink.pieces).equals(content)).toBe(true);
    expect(sink.pieces.map((piece) => piece.length)).toEqual([16_384, 16_384, 7_232]);
    expect(sink.producer).toBe(undefined);
    expect((await file.stat()).size).toBe(content.length);
  });

  it("sends a file from its current position", async () => {
    await using file = await open(path);
    await file.read(Buffer.alloc(39_990), 0, 39_990, null);
    const { done, sink } = send(file);
    await done;
    expect(Buffer.concat(sink.pieces).equals(content.subarray(39_990))).toBe(true);
  });

  it.each<[string, () => ByteSource]>([
    ["a stream of a file", () => Readable.from([Buffer.from("Test "), Buffer.from("content")])],
    ["a stream of text", () => Readable.from(["Test ", "content"])],
    ["an async iterator of bytes", () => iterated(Buffer.from("Test "), Uint8Array.from(Buffer.from("content")))],
    ["an async iterator of text", () => iterated("Test ", "content")],
    ["an iterator with empty pieces", () => iterated("", "Test ", "", Buffer.alloc(0), "content", "")],
  ])("sends %s", async (_what, source) => {
    const { done, sink } = send(source());
    expect((await done).toString()).toBe("t");
    expect(sink.text).toBe("Test content");
    expect(sink.pieces).toHaveLength(2);
  });

  it("writes at most CHUNK_SIZE bytes for each resumeProducing()", async () => {
    const sink = new Sink();
    sink.eager = false;
    const { done } = send(iterated("Test content"), sink, 4);
    const result = watch(done);
    for (const text of ["Test", "Test con", "Test content"]) {
      sink.producer?.resumeProducing();
      await settled();
      expect(sink.text).toBe(text);
      expect(result).toEqual([]);
    }
    sink.producer?.resumeProducing();
    await settled();
    expect(result).toEqual([Buffer.from("t")]);
    expect(sink.producer).toBe(undefined);
  });

  it("reads nothing before resumeProducing(), and one piece at a time", async () => {
    const sink = new Sink();
    sink.eager = false;
    const source = new Slow();
    send(source, sink);
    expect(source.asked).toBe(0);
    for (let i = 0; i < 5; i++) sink.producer?.resumeProducing();
    expect(source.asked).toBe(1);
    await source.give("a");
    expect(sink.text).toBe("a");
    expect(source.asked).toBe(1);
  });

  it("fires with an empty Buffer for an empty file, and sends nothing", async () => {
    const { done, sink } = send(iterated());
    expect(await done).toEqual(Buffer.alloc(0));
    expect(sink.pieces).toEqual([]);
    expect(sink.producer).toBe(undefined);
  });

  it("sends what the transform returns, and fires with its last byte", async () => {
    const sink = new Sink();
    const done = new FileSender().beginFileTransfer(iterated("Test ", "content"), sink, (piece) =>
      piece.toString().toUpperCase(),
    );
    expect((await done).toString()).toBe("T");
    expect(sink.text).toBe("TEST CONTENT");
  });

  it("reads the next piece when the transform returns nothing", async () => {
    const sink = new Sink();
    const sender = new FileSender();
    sender.CHUNK_SIZE = 2;
    const done = sender.beginFileTransfer(iterated("a-", "--", "--b-"), sink, (piece) =>
      piece.toString().replaceAll("-", ""),
    );
    expect((await done).toString()).toBe("b");
    expect(sink.text).toBe("ab");
  });

  it("has the last byte sent so far in `lastSent`", async () => {
    const sink = new Sink();
    sink.eager = false;
    const sender = new FileSender();
    sender.beginFileTransfer(iterated("ab", "cd"), sink);
    expect(sender.lastSent.length).toBe(0);
    sender.resumeProducing();
    await settled();
    expect(sender.lastSent.toString()).toBe("b");
  });

  it("fails when the consumer stops it, and releases the source", async () => {
    const sink = new Sink();
    const source = new Slow();
    const { done } = send(source, sink);
    await source.give("a");
    sink.producer?.stopProducing();
    expect(errorOf(done, TransferStoppedError)).toMatchObject({ code: "ERR_TRANSFER_STOPPED" });
    expect(source.returned).toBe(1);
    await source.give("late");
    expect(sink.text).toBe("a");
  });

  it("destroys the stream when the transfer is stopped", async () => {
    const stream = new Readable({ read() {} });
    stream.push("begun");
    const sink = new Sink();
    const { done } = send(stream, sink);
    await settled();
    expect(sink.text).toBe("begun");
    sink.producer?.stopProducing();
    errorOf(done, TransferStoppedError);
    await settled();
    expect(stream.destroyed).toBe(true);
  });

  it("ends the transfer when its Deferred is cancelled", async () => {
    const sink = new Sink();
    const source = new Slow();
    const { done } = send(source, sink);
    await source.give("a");
    done.cancel();
    errorOf(done, CancelledError);
    expect(sink.producer).toBe(undefined);
    expect(source.returned).toBe(1);
    await source.give("late");
    expect(sink.text).toBe("a");
  });

  it.each<[string, () => ByteSource]>([
    [
      "a stream",
      () =>
        new Readable({
          read() {
            this.destroy(new RangeError("bad file"));
          },
        }),
    ],
    ["a file handle", () => ({ read: () => Promise.reject(new RangeError("bad file")) }) as unknown as ByteSource],
    [
      "an iterator",
      () =>
        (async function* () {
          yield "begun";
          throw new RangeError("bad file");
        })(),
    ],
  ])("fails with what reading %s failed with, and leaves the consumer", async (_what, source) => {
    const { done, sink } = send(source());
    const result = watch(done);
    await settled();
    await settled();
    expect(result).toEqual([new RangeError("bad file")]);
    expect(sink.producer).toBe(undefined);
  });

  it("fails for a closed file", async () => {
    const file = await open(path);
    await file.close();
    const { done, sink } = send(file);
    await expect(done.asPromise()).rejects.toThrow(/closed|EBADF/);
    expect(sink.pieces).toEqual([]);
  });

  it("fails with an exception of the transform, for the first piece or a later part", async () => {
    for (const bad of ["ab", "cd"]) {
      const sink = new Sink();
      const sender = new FileSender();
      sender.CHUNK_SIZE = 2;
      const done = sender.beginFileTransfer(iterated("abcd"), sink, (piece) => {
        if (piece.toString() === bad) throw new RangeError("bad piece");
        return piece;
      });
      await expect(done.asPromise()).rejects.toThrow("bad piece");
      expect(sink.producer).toBe(undefined);
    }
  });

  it("releases a source without waiting for its end, even if that fails", async () => {
    const source = new Slow();
    source.return = () => Promise.reject(new RangeError("no end"));
    const { done, sink } = send(source);
    sink.producer?.stopProducing();
    errorOf(done, TransferStoppedError);
    await source.fail(new RangeError("late"));
  });

  it("fails as well when return() of the source throws, or returns no promise", async () => {
    const returns: Readonly<Record<string, unknown>> = {
      throws: () => {
        throw new RangeError("no end");
      },
      "returns no promise": () => ({ done: true, value: undefined }),
    };
    for (const [name, end] of Object.entries(returns)) {
      const source = Object.assign(new Slow(), { return: end as () => Promise<never> });
      const { done, sink } = send(source);
      const result = watch(done);
      sink.producer?.stopProducing();
      expect(result, name).toEqual([expect.any(TransferStoppedError)]);
    }
    await settled();
  });

  it("fails when the source or the transform gives something else than bytes or text", async () => {
    const sink = new Sink();
    await expect(send(iterated(7 as never), sink).done.asPromise()).rejects.toThrow(TypeError);
    const done = new FileSender().beginFileTransfer(iterated("a"), sink, () => 7 as never);
    await expect(done.asPromise()).rejects.toThrow("needs a Uint8Array or a string");
    expect([sink.text, sink.producer]).toEqual(["", undefined]);
  });

  it("is stopped by a consumer that is already lost", () => {
    const sink = new Sink();
    sink.registerProducer = (producer: Producer) => producer.stopProducing();
    const { done } = send(iterated("a"), sink);
    errorOf(done, TransferStoppedError);
  });

  it("is stopped by a consumer that is lost during a write", async () => {
    const sink = new Sink();
    sink.onWrite = () => sink.producer?.stopProducing();
    const { done } = send(iterated("a", "b"), sink);
    const result = watch(done);
    await settled();
    expect(result).toEqual([expect.any(TransferStoppedError)]);
    expect(sink.text).toBe("a");
  });

  it("throws when the consumer already has a producer, and can be used again", async () => {
    const sink = new Sink();
    sink.eager = false;
    new FileSender().beginFileTransfer(iterated("a"), sink);
    const sender = new FileSender();
    const source = new Slow();
    expect(() => sender.beginFileTransfer(source, sink)).toThrow("there is a producer already");
    expect(source.returned).toBe(1);
    await sender.beginFileTransfer(iterated("b"), new Sink());
    expect(sender.lastSent.toString()).toBe("b");
  });

  it("runs one transfer at a time, and another after it", async () => {
    const sender = new FileSender();
    const first = new Sink();
    const done = sender.beginFileTransfer(iterated("one"), first);
    expect(() => sender.beginFileTransfer(iterated("two"), new Sink())).toThrow(/already sending a file/);
    await done;
    const second = new Sink();
    expect((await sender.beginFileTransfer(iterated("two"), second)).toString()).toBe("o");
    expect([first.text, second.text]).toEqual(["one", "two"]);
  });

  it("ignores resumeProducing() and stopProducing() after the end", async () => {
    const sender = new FileSender();
    await sender.beginFileTransfer(iterated("one"), new Sink());
    sender.resumeProducing();
    sender.stopProducing();
  });
});
