/** The engine over node:net, where the conformance suite does not reach: its parts, and what the program never sees. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { constants, networkInterfaces } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { PACKED_ADDRESS_MOST, packAddress } from "../../src/internet/engine/addresses.ts";
import { EngineLink } from "../../src/internet/engine/link.ts";
import { isLocal, nativeAddress, nodeAddress } from "../../src/internet/nodeengine/addresses.ts";
import { bindServer } from "../../src/internet/nodeengine/bind.ts";
import { descriptorLack } from "../../src/internet/nodeengine/descriptors.ts";
import { NodeEngine } from "../../src/internet/nodeengine/engine.ts";
import { errnoOf, lossErrno } from "../../src/internet/nodeengine/errno.ts";
import { Acceptor, NodeListener } from "../../src/internet/nodeengine/listener.ts";
import { BlockPool, Outbox } from "../../src/internet/nodeengine/outbox.ts";
import { NodeLoop } from "../../src/internet/reactor/loop.ts";
import { Completion, type NativeAddress } from "../../src/native.ts";
import { freePort } from "../helpers/freeport.ts";
import { turns, until } from "../helpers/gate.ts";
import { Peer, PeerServer } from "../helpers/peer.ts";

/** In POSIX's numbers, which are those of the records there. */
const { EADDRINUSE, EADDRNOTAVAIL, EBADF, ECONNREFUSED, ECONNRESET, EINVAL } = constants.errno;

/** An engine of one's own, and the records it has told. */
class Bench {
  readonly records: { kind: number; handle: number; a: number; b: number }[] = [];
  readonly completions = new Int32Array(4 * 64);
  readonly arena = new Uint8Array(64 * 1024);
  readonly engine: NodeEngine;

  constructor({ start = true } = {}) {
    const dispatch = (words: number) => {
      for (let i = 0; i < words; i += 4) {
        const [kind, handle, a, b] = this.completions.subarray(i, i + 4);
        this.records.push({ kind: kind!, handle: handle!, a: a!, b: b! });
      }
    };
    this.engine = new NodeEngine({ completions: this.completions, arena: this.arena, dispatch }, new NodeLoop());
    if (start) this.engine.start();
    onTestFinished(() => this.engine.destroy());
  }

  /** The first record of a kind, for that handle if one is given; it is waited for. */
  async told(kind: number, handle?: number): Promise<{ handle: number; a: number; b: number }> {
    const find = () => this.records.find((r) => r.kind === kind && (handle === undefined || r.handle === handle));
    await until(() => find() !== undefined);
    return find()!;
  }

  port(listener: number): number {
    return (this.engine.localAddress(listener) as NativeAddress)[2];
  }
}

describe("an address", () => {
  const packed = (address: NativeAddress) => {
    const memory = new Uint8Array(PACKED_ADDRESS_MOST + 2).fill(0xee);
    const length = packAddress(address, memory, 1);
    expect([memory[0], memory[1 + length]]).toEqual([0xee, 0xee]);
    return Buffer.from(memory.subarray(1, 1 + length)).toString("hex");
  };

  test.each<[NativeAddress, string]>([
    [[4, "127.0.0.1", 0x1234, 0], "0408" + "3412" + "7f000001"],
    [[6, "::", 1, 0], `06180100${"00".repeat(20)}`],
    [[6, "::1", 1, 0], `06180100${"00".repeat(15)}01${"00".repeat(4)}`],
    [[6, "fe80::1:2", 1, 7], "06180100" + "fe800000000000000000000000010002" + "07000000"],
    [[6, "2001:db8::", 1, 0], `0618010020010db8${"00".repeat(12)}00000000`],
    [[6, "1:2:3:4:5:6:7:8", 1, 0], "06180100" + "00010002000300040005000600070008" + "00000000"],
    [[6, "::ffff:10.1.2.3", 1, 0], `06180100${"00".repeat(10)}ffff0a01020300000000`],
    [[1, "/tmp/a", 0, 0], `010a0000${Buffer.from("/tmp/a").toString("hex")}`],
  ])("%j is packed as native/net/address.h has it", (address, hex) => {
    expect(packed(address)).toBe(hex);
  });

  test("has its interface's name for Node, and its index for an engine", () => {
    const linkLocal = Object.entries(networkInterfaces())
      .flatMap(([name, addresses = []]) => addresses.map((address) => ({ name, ...address })))
      .find((address) => address.family === "IPv6" && address.scopeid !== 0);
    expect(nativeAddress("fe80::1%4294967295", 80)).toEqual([6, "fe80::1", 80, 4294967295]);
    expect(nativeAddress("fe80::1%nothing", 80)).toEqual([6, "fe80::1", 80, 0]);
    expect(nodeAddress("fe80::1%4294967295")).toBe("fe80::1%4294967295");
    if (linkLocal?.family !== "IPv6") return;
    expect(nativeAddress(`fe80::1%${linkLocal.name}`, 80)).toEqual([6, "fe80::1", 80, linkLocal.scopeid]);
    expect(nodeAddress(`fe80::1%${linkLocal.scopeid}`)).toBe(`fe80::1%${linkLocal.name}`);
  });

  test("is recognised as local or not", () => {
    expect(["127.0.0.1", "127.1.2.3", "0.0.0.0", "::"].map(isLocal)).toEqual([true, true, true, true]);
    expect(["203.0.113.1", "2001:db8::1"].map(isLocal)).toEqual([false, false]);
  });
});

describe("an errno", () => {
  test("is found by its code, and is EIO for an unknown code", () => {
    expect(errnoOf(Object.assign(new Error(), { code: "EPIPE" }))).toBe(constants.errno.EPIPE);
    expect(errnoOf(Object.assign(new Error(), { code: "ERR_SOMETHING_ELSE" }))).toBe(constants.errno.EIO);
  });
});

describe("an outbox", () => {
  const text = (chunks: readonly Uint8Array[]) => Buffer.concat(chunks).toString();

  test("returns appended bytes in order, in few chunks", () => {
    const outbox = new Outbox(new BlockPool());
    for (const piece of ["a", "bc", "d"]) outbox.append(Buffer.from(piece));
    outbox.append(Buffer.alloc(5000, "L"));
    outbox.append(Buffer.from("e"));
    expect(outbox.bytes).toBe(5005);
    const chunks = outbox.take();
    expect(text(chunks)).toBe(`abcd${"L".repeat(5000)}e`);
    expect(chunks).toHaveLength(3);
    expect([outbox.bytes, outbox.take()]).toEqual([0, []]);
  });

  test("copies what is appended", () => {
    const outbox = new Outbox(new BlockPool());
    const small = Buffer.from("small");
    const large = Buffer.alloc(5000, "L");
    outbox.append(small);
    outbox.append(large);
    small.fill("x");
    large.fill("x");
    expect(text(outbox.take())).toBe(`small${"L".repeat(5000)}`);
  });

  test("never overwrites bytes in flight, and reuses its blocks once they are sent", () => {
    const pool = new BlockPool();
    const outbox = new Outbox(pool);
    const piece = (n: number) => Buffer.alloc(1000, n & 255);
    let taken: Uint8Array[] = [];
    let sent = 0;
    for (let n = 0; n < 1000; n++) {
      outbox.append(piece(n));
      if (n % 20 !== 19) continue;
      // What was taken before is still whole, though so much was appended since.
      const all = Buffer.concat(taken);
      const pieces = Array.from({ length: all.length / 1000 }, () => piece(sent++));
      expect(all.equals(Buffer.concat(pieces))).toBe(true);
      outbox.sent();
      taken = outbox.take();
    }
    outbox.sent();
    expect(sent).toBe(980);
    expect(pool.allocated).toBeLessThan(10);
  });
});

describe("listening", () => {
  const bind = (host: string, port: number) => {
    const bound = bindServer(host, port, 10, false);
    if (typeof bound !== "number") onTestFinished(() => void bound.server.close());
    return bound;
  };

  test("binds the port, or returns the errno, synchronously", () => {
    const first = bind("127.0.0.1", 0);
    if (typeof first === "number") throw new Error(`${first}`);
    const { port } = first.server.address() as { port: number };
    expect(port).toBeGreaterThan(0);
    expect(bind("127.0.0.1", port)).toBe(-EADDRINUSE);
    expect(bind("203.0.113.1", 0)).toBe(-EADDRNOTAVAIL);
    expect(typeof bind("::1", 0)).toBe("object");
  });

  test("leaves no descriptor open when it fails", async () => {
    const { engine } = new Bench();
    const taken = await PeerServer.listen();
    const before = engine.stats().connections;
    expect(engine.listen({ host: "127.0.0.1", port: taken.port, backlog: 10, reusePort: false })).toBe(-EADDRINUSE);
    expect(engine.listen({ host: "localhost", port: 0, backlog: 10, reusePort: false })).toBe(-EINVAL);
    expect(engine.stats().connections).toBe(before);
    taken.close();
  });

  test("an engine that is not running leaves connections in the backlog, and accepts them once it runs", async () => {
    const bench = new Bench({ start: false });
    const listener = bench.engine.listen({ host: "127.0.0.1", port: 0, backlog: 10, reusePort: false });
    await Peer.connect(bench.port(listener));
    await turns(5);
    expect(bench.records).toEqual([]);
    bench.engine.start();
    const { a: handle } = await bench.told(Completion.ACCEPTED, listener);
    bench.engine.stop();
    await Peer.connect(bench.port(listener));
    await turns(5);
    expect(bench.records.filter(({ kind }) => kind === Completion.ACCEPTED)).toHaveLength(1);
    expect(bench.engine.peerAddress(handle)).toEqual([4, "127.0.0.1", expect.any(Number), 0]);
  });

  test("ports of one engine may share a number, until the last is closed", async () => {
    const bench = new Bench();
    const first = bench.engine.listen({ host: "127.0.0.1", port: 0, backlog: 50, reusePort: true });
    const port = bench.port(first);
    const second = bench.engine.listen({ host: "127.0.0.1", port: port, backlog: 50, reusePort: true });
    expect(second).toBeGreaterThanOrEqual(0);
    expect(bench.engine.listen({ host: "127.0.0.1", port: port, backlog: 50, reusePort: false })).toBe(-EADDRINUSE);
    bench.engine.close(first);
    await bench.told(Completion.CLOSED, first);
    await Peer.connect(port);
    await bench.told(Completion.ACCEPTED, second);
    bench.engine.close(second);
    await bench.told(Completion.CLOSED, second);
    await expect(Peer.connect(port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("a descriptor can be opened here", () => {
    expect(descriptorLack()).toBe(0);
  });
});

describe("connecting", () => {
  test("to or from an address that is not literal returns an errno at once", () => {
    const { engine } = new Bench();
    expect(engine.connect({ host: "localhost", port: 80, bindHost: "", bindPort: 0 })).toBe(-EINVAL);
    expect(engine.connect({ host: "127.0.0.1", port: 80, bindHost: "localhost", bindPort: 0 })).toBe(-EINVAL);
    expect(engine.stats().connections).toBe(0);
  });

  test("reports the errno when it fails, and the handle is stale afterwards", async () => {
    const bench = new Bench();
    const handle = bench.engine.connect({ host: "127.0.0.1", port: await freePort(), bindHost: "", bindPort: 0 });
    expect(await bench.told(Completion.CONNECTED, handle)).toMatchObject({ a: ECONNREFUSED });
    await turns(2);
    expect(bench.engine.write(handle, Buffer.from("x"))).toBe(-1);
    expect(bench.engine.peerAddress(handle)).toBe(-EBADF);
    expect(bench.engine.stats().connections).toBe(0);
  });

  test("reports only CLOSED when it is aborted", async () => {
    const bench = new Bench();
    const server = await PeerServer.listen();
    const handle = bench.engine.connect({ host: "127.0.0.1", port: server.port, bindHost: "", bindPort: 0 });
    bench.engine.abort(handle);
    await bench.told(Completion.CLOSED, handle);
    await turns(5);
    expect(bench.records.map(({ kind }) => kind)).toEqual([Completion.CLOSED]);
    server.close();
  });
});

describe("ending", () => {
  async function connected(): Promise<{ bench: Bench; handle: number; peer: Peer }> {
    const bench = new Bench();
    const listener = bench.engine.listen({ host: "127.0.0.1", port: 0, backlog: 10, reusePort: false });
    const peer = await Peer.connect(bench.port(listener));
    const { a: handle } = await bench.told(Completion.ACCEPTED, listener);
    return { bench, handle, peer };
  }

  test("an abort right after our FIN closes the connection, though libuv cannot reset it then", async () => {
    const { bench, handle, peer } = await connected();
    bench.engine.shutdownWrite(handle);
    bench.engine.flush();
    bench.engine.abort(handle);
    await bench.told(Completion.CLOSED, handle);
    await peer.ended;
    peer.write("to nobody");
    expect(await peer.closed).toMatch(/^(EPIPE|ECONNRESET)$/);
    const kinds = bench.records.filter((record) => record.handle === handle).map(({ kind }) => kind);
    expect(kinds).toEqual([Completion.WRITE_SHUT, Completion.CLOSED]);
  });

  test("a lingering connection is closed by the second sweep", async () => {
    const { bench, handle, peer } = await connected();
    bench.engine.close(handle);
    await bench.told(Completion.CLOSED, handle);
    await peer.ended;
    expect(bench.engine.stats().lingering).toBe(1);
    expect([bench.engine.sweepLingering(), bench.engine.sweepLingering()]).toEqual([1, 0]);
  });

  test("of too many lingering connections the oldest is closed", async () => {
    const bench = new Bench();
    const listener = bench.engine.listen({ host: "127.0.0.1", port: 0, backlog: 10, reusePort: false });
    const peers: Peer[] = [];
    for (let i = 0; i < 1025; i++) {
      peers.push(await Peer.connect(bench.port(listener)));
      const { a: handle } = await bench.told(Completion.ACCEPTED);
      bench.engine.close(handle);
      await bench.told(Completion.CLOSED, handle);
      bench.records.length = 0;
    }
    expect(bench.engine.stats()).toMatchObject({ lingering: 1024, connections: 1025 });
    const [oldest] = peers;
    await oldest!.ended;
    // The first write brings the reset, which the second one hears of.
    while (!oldest!.socket.destroyed) {
      oldest!.write("to nobody");
      await turns(1);
    }
  });

  test("destroy() closes everything and reports nothing", async () => {
    const { bench, peer } = await connected();
    const told = bench.records.length;
    bench.engine.destroy();
    await peer.ended;
    await turns(3);
    expect(bench.records).toHaveLength(told);
  });

  test("a reset right after bytes is reported as a reset, after the bytes", async () => {
    const bench = new Bench();
    const server = createServer((socket) => {
      socket.write(Buffer.alloc(1000));
      setImmediate(() => socket.resetAndDestroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const handle = bench.engine.connect({ host: "127.0.0.1", port: port, bindHost: "", bindPort: 0 });
    const closed = await bench.told(Completion.CLOSED, handle);
    expect(closed.a).toBe(ECONNRESET);
    const kinds = bench.records.filter((record) => record.handle === handle).map(({ kind }) => kind);
    expect(kinds).not.toContain(Completion.READ_EOF);
    server.close();
  });
});

describe("the process", () => {
  test("gets this reactor by an import where the addon cannot be loaded", async () => {
    const program =
      'import "skein/install/node"; const { reactor } = await import("skein/reactor"); console.log(reactor.name);';
    const args = ["--no-addons", "--input-type=module", "--eval", program];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname, timeout: 20_000 });
    expect(stdout).toBe("node\n");
  });

  test("is kept alive from start() to stop(), and not by open handles", async () => {
    const script = fileURLToPath(new URL("../runtimes/held.mjs", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ["--no-addons", script], { timeout: 20_000 });
    expect(stdout).toBe("held\nleft\n");
  });
});

test("EngineLink accepts it as any engine", () => {
  const loop = new NodeLoop();
  const link = new EngineLink((setup) => new NodeEngine(setup, loop), loop);
  expect(link.stats()).toMatchObject({ connections: 0, lingering: 0, stale: 0, turns: 0 });
  link.destroy();
});

describe("an errno of node:net is treated as in the native engine's table", () => {
  const header = readFileSync(new URL("../../native/net/errno_table.h", import.meta.url), "utf8");
  /** [errno, meaning] of a call. */
  const rows = (call: string) =>
    [...header.matchAll(/\{Call::k(\w+), (\w+), Meaning::k(\w+)\}/g)]
      .filter(([, of]) => of === call)
      .map(([, , errno, meaning]) => [errno!, meaning!] as const);
  const failure = (syscall: string, code: string) => Object.assign(new Error(code), { syscall, code });

  test("accept: a connection that is gone does not pause the port, a failure of the listener does", () => {
    const bound = bindServer("127.0.0.1", 0, 1, false);
    if (typeof bound === "number") throw new Error(`nothing was bound: ${bound}`);
    const told: number[] = [];
    const engine = {
      watches: true,
      accepted: () => undefined,
      starved: (_listener: NodeListener, errno: number) => told.push(errno),
      forget: () => undefined,
    };
    const listener = new NodeListener(new Acceptor(engine, bound.server, bound.handle, false));
    onTestFinished(() => listener.unlisten());
    const meant = rows("Accept").filter(([, meaning]) => meaning === "PeerGone" || meaning === "ListenerPauses");
    expect(meant.length).toBeGreaterThan(15);
    for (const [code, meaning] of meant) {
      told.length = 0;
      bound.server.emit("error", failure("accept", code));
      const pauses = meaning === "ListenerPauses";
      expect([code, listener.acceptor.starving, told.length]).toEqual([code, pauses, pauses ? 1 : 0]);
      listener.acceptor.resume();
    }
  });

  test("shutdown: after a reset the connection is lost with ECONNRESET", () => {
    const meant = rows("Shutdown");
    expect(meant.length).toBeGreaterThan(3);
    for (const [code, meaning] of meant) {
      const error = failure("shutdown", code);
      expect([code, lossErrno(error)]).toEqual([code, meaning === "Reset" ? ECONNRESET : errnoOf(error)]);
    }
  });
});
