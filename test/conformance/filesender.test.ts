/** Files that go out over real connections. */
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ByteSource, FileSender, TransferStoppedError } from "../../src/entries/protocols/basic.ts";
import { flow } from "../helpers/flow.ts";
import { Gate, turns } from "../helpers/gate.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { dial, FlowRecorder, Recorder, serve } from "../helpers/recorder.ts";

const SIZE = 3 * 1024 * 1024 + 11;

let folder: string;
let path: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "filesender-"));
  path = join(folder, "file");
  await writeFile(path, flow(SIZE, 0));
});
afterAll(() => rm(folder, { recursive: true }));

/** Sends a source as soon as it is connected. */
class Sending extends Recorder {
  readonly sender = new FileSender();
  readonly result = new Gate<unknown>();
  asked = 0;
  readonly #source: ByteSource;

  constructor(source: ByteSource) {
    super();
    this.#source = source;
    const resume = this.sender.resumeProducing.bind(this.sender);
    this.sender.resumeProducing = () => {
      this.asked++;
      resume();
    };
  }

  override connectionMade(): void {
    super.connectionMade();
    this.sender
      .beginFileTransfer(this.#source, this.transport)
      .addErrback((failure) => failure.value)
      .addBoth((result) => this.result.open(result));
  }
}

forEachReactor((make) => {
  test.each<[string, () => Promise<ByteSource>]>([
    ["a file", () => open(path)],
    ["a stream", async () => createReadStream(path)],
  ])("%s arrives whole, also when the connection is told to close meanwhile", async (_what, source) => {
    const file = await source();
    const reactor = make();
    const { port, next } = serve(reactor, () => new Sending(file));
    const client = await dial(reactor, port, new FlowRecorder());
    const server = await next();
    server.transport.loseConnection();
    expect(await server.result.promise).toEqual(flow(SIZE, 0).subarray(-1));
    await client.lost.promise;
    expect(client.arrived.count).toBe(SIZE);
    expect(client.check.firstWrong).toBe(-1);
    if ("close" in file) await (file as { close(): unknown }).close();
  });

  test("a transfer fails when its connection is lost, and releases the stream", async () => {
    const stream = createReadStream(path, { highWaterMark: 1024 });
    const closed = once(stream, "close");
    const reactor = make();
    const { port, next } = serve(reactor, () => new Sending(stream));
    const client = await dial(reactor, port, new Recorder());
    const server = await next();
    client.transport.abortConnection();
    expect(await server.result.promise).toBeInstanceOf(TransferStoppedError);
    await closed;
  });

  test("a slow source is not polled", async () => {
    const more = new Gate();
    async function* slow() {
      yield "begun";
      await more.promise;
    }
    const reactor = make();
    const { port, next } = serve(reactor, () => new Sending(slow()));
    const client = await dial(reactor, port, new Recorder());
    const server = await next();
    await client.arrived.reaches(5);
    await turns(50);
    expect(server.asked).toBeLessThan(5);
    more.open();
    expect(await server.result.promise).toEqual(Buffer.from("n"));
    client.transport.loseConnection();
    await server.lost.promise;
  });
});
