/** skein/streams over real sockets: connections as async iterables, as Node's streams and as web streams. */

import { once } from "node:events";
import { expect, test } from "vitest";
import {
  type Connection,
  chunks,
  connect,
  connectDuplex,
  connectionOver,
  duplexFactory,
  type Handler,
  handle,
  lines,
  type SocketDuplex,
  toDuplex,
  toWeb,
  write,
} from "../../src/entries/streams.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import { errnoNamed } from "../../src/internet/errno.ts";
import { ConnectionDone, ConnectionLost, ConnectionRefusedError } from "../../src/internet/error.ts";
import type { ListeningPort } from "../../src/internet/interfaces.ts";
import type { EngineReactor } from "../../src/internet/reactor/engine.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { freePort } from "../helpers/freeport.ts";
import { Gate, settled, turns } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor, takeLog } from "../helpers/reactors.ts";
import { HalfRecorder, Recorder, serve } from "../helpers/recorder.ts";
import { loopback } from "../helpers/world.ts";

const MIB = 1024 * 1024;

function serveHandler(reactor: EngineReactor, handler: Handler): { listening: ListeningPort; port: number } {
  const listening = reactor.listenTCP(0, handle(handler), { interface: loopback() });
  return { listening, port: listening.getHost().port };
}

function endpoint(reactor: EngineReactor, port: number): TCP4ClientEndpoint {
  return new TCP4ClientEndpoint(reactor, loopback(), port);
}

/** All that comes until the peer's end. Not by a loop, which would destroy the stream. */
async function collect(source: SocketDuplex): Promise<string> {
  const pieces: Buffer[] = [];
  source.on("data", (piece: Buffer) => pieces.push(piece));
  await once(source, "end");
  return Buffer.concat(pieces).toString();
}

async function closed(stream: SocketDuplex): Promise<void> {
  if (!stream.closed) await once(stream, "close");
}

forEachReactor((make) => {
  test("a handler echoes lines, and its connection is closed when it returns", async () => {
    const { port } = serveHandler(make(), async (connection) => {
      for await (const line of lines(connection, { encoding: "utf8" })) connection.write(`${line.toUpperCase()}\r\n`);
      connection.write("that was all");
    });
    const peer = await Peer.connect(port);
    peer.end("one\r\ntwo\r\nth");
    expect(await peer.rest()).toBe("ONE\r\nTWO\r\nthat was all");
    expect(await peer.closed).toBe("");
  });

  test("connect() returns a connection that is read and written with await, and `await using` closes it", async () => {
    const reactor = make();
    const { port } = serveHandler(reactor, async (connection) => {
      for await (const data of connection) await connection.write(data);
    });
    const connection = await connect(endpoint(reactor, port));
    try {
      await connection.write("hello");
      expect(String(await connection.read())).toBe("hello");
      expect([connection.peer.port, connection.lost]).toEqual([port, false]);
      connection.end();
      expect(await connection.read()).toBe(null);
    } finally {
      await connection[Symbol.asyncDispose]();
    }
    expect(connection.lost).toBe(true);
    expect(await connection.closed).toBe(undefined);
  });

  test("connect() rejects with the ConnectError, or with its signal's reason", async () => {
    const reactor = make();
    await expect(connect(endpoint(reactor, await freePort()))).rejects.toBeInstanceOf(ConnectionRefusedError);
    const controller = new AbortController();
    const attempt = connect(endpoint(reactor, await freePort()), { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(attempt).rejects.toThrow("enough");
  });

  test("16 MiB are echoed to a slow reader by awaited writes, whole and in bounded memory", async () => {
    const reactor = make();
    let ahead = 0;
    let most = 0;
    const { port } = serveHandler(reactor, async (connection) => {
      for await (const data of chunks(connection)) {
        ahead += data.length;
        most = Math.max(most, data.length);
        await connection.write(data);
      }
    });
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { reading: false, check });
    peer.end(flow(16 * MIB));
    const stuck = await settled(() => ahead);
    expect(stuck, "it stops to read while nobody takes the echo").toBeLessThan(15 * MIB);
    peer.read();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([16 * MIB, -1]);
    expect(most).toBeLessThanOrEqual(192 * 1024);
  });

  test("reading pauses while the consumer is behind, and no byte is lost", async () => {
    const go = new Gate();
    const check = new FlowCheck();
    const done = new Gate();
    const { port } = serveHandler(make(), async (connection) => {
      await go.promise;
      for await (const data of connection) check.take(data);
      done.open();
    });
    const peer = await Peer.connect(port);
    peer.end(flow(64 * MIB));
    expect(await settled(() => peer.socket.writableLength)).toBeGreaterThan(32 * MIB);
    go.open();
    await done.promise;
    expect([check.at, check.firstWrong]).toEqual([64 * MIB, -1]);
  });

  test("lines(transport) takes over a connection in the middle, and closes it when the loop ends", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    peer.write("for the protocol");
    await protocol.arrived.reaches(16);
    const seen: string[] = [];
    const loop = (async () => {
      for await (const line of lines(protocol.transport, { delimiter: "\n" })) {
        seen.push(String(line));
        if (seen.length === 2) break;
      }
    })();
    peer.write("one\ntwo\nthree\n");
    await loop;
    await peer.ended;
    expect(seen).toEqual(["one", "two"]);
    expect([protocol.text, protocol.losses]).toEqual(["for the protocol", 0]);
  });

  test("one loop continues where another ended: a head of lines, then a body of bytes", async () => {
    const body = new Gate<string>();
    const { port } = serveHandler(make(), async (connection) => {
      let length = 0;
      for await (const line of lines(connection)) {
        if (line.length === 0) break;
        length = Number(String(line).replace("length: ", ""));
      }
      let text = "";
      for await (const data of chunks(connection)) {
        text += data;
        if (text.length >= length) break;
      }
      body.open(text);
    });
    const peer = await Peer.connect(port);
    peer.write("length: 11\r\n\r\nhello ");
    await turns(2);
    peer.write("world");
    expect(await body.promise).toBe("hello world");
    await peer.ended;
  });

  test("a reset is thrown by the loop after everything that arrived before it, and is not logged", async () => {
    const thrown = new Gate<unknown>();
    const seen: string[] = [];
    const { port } = serveHandler(make(), async (connection) => {
      try {
        for await (const line of lines(connection)) seen.push(String(line));
      } catch (error) {
        thrown.open(error);
        throw error;
      }
    });
    const peer = await Peer.connect(port);
    peer.write("one\r\n");
    while (seen.length === 0) await turns(1);
    peer.reset();
    const error = await thrown.promise;
    expect(error).toBeInstanceOf(ConnectionLost);
    expect(error).toMatchObject({ osError: "ECONNRESET" });
    await turns(3);
  });

  test("a handler that throws is logged, and its connection aborted, without effect on others", async () => {
    const { port } = serveHandler(make(), async (connection) => {
      for await (const line of lines(connection)) {
        if (String(line) === "bug") throw new Error("a bug");
        await connection.write(`${line}!`);
      }
    });
    const [good, bad] = [await Peer.connect(port), await Peer.connect(port)];
    bad.write("bug\r\n");
    expect(await bad.closed).toBe("ECONNRESET");
    good.write("still\r\n");
    expect(await good.take(6)).toBe("still!");
    expect(takeLog()).toEqual([
      expect.stringMatching(/^A handler threw; its connection to 127.0.0.1:\d+ is closed: Error: a bug$/),
    ]);
  });

  test("write(transport) resolves when a slow peer has read what was queued, and rejects when the connection is lost", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { reading: false, check });
    const { transport, made } = await next();
    await made.promise;
    let written = 0;
    const writing = (async () => {
      for (; written < 32 * MIB; written += MIB) await write(transport, flow(MIB, written));
    })();
    expect(await settled(() => written)).toBeLessThan(32 * MIB);
    peer.read();
    await writing;
    await peer.arrived.reaches(32 * MIB);
    expect(check.firstWrong).toBe(-1);
    peer.socket.pause();
    const lost = (async () => {
      for (;;) await write(transport, Buffer.alloc(MIB));
    })();
    await settled(() => 0);
    peer.reset();
    await expect(lost).rejects.toBeInstanceOf(ConnectionLost);
    await expect(write(transport, "late")).rejects.toBeInstanceOf(ConnectionLost);
  });

  test("a connection's signal aborts when it is lost, and a read ends when its own signal aborts", async () => {
    const served = new Gate<Connection>();
    const over = new Gate();
    const { port } = serveHandler(make(), async (connection) => {
      served.open(connection);
      await over.promise;
    });
    const peer = await Peer.connect(port);
    const connection = await served.promise;
    const controller = new AbortController();
    const reading = connection.read({ signal: controller.signal });
    controller.abort(new Error("no more time"));
    await expect(reading).rejects.toThrow("no more time");
    peer.write("later");
    expect(String(await connection.read())).toBe("later");
    const { signal } = connection;
    peer.reset();
    await once(signal, "abort");
    expect(signal.reason).toBeInstanceOf(ConnectionLost);
    over.open();
  });

  test("a protocol that takes over a half-closed connection is told of the FIN once", async () => {
    const next = new HalfRecorder();
    const { port } = serveHandler(make(), async (connection) => {
      expect(await connection.read()).toBeNull();
      connection.switchProtocol(next);
    });
    const peer = await Peer.connect(port);
    peer.end();
    await next.readEnded.promise;
    await turns(2);
    next.transport.loseConnection();
    await next.lost.promise;
    const calls = next.calls.filter((call) => call !== "writeConnectionLost");
    expect(calls).toEqual(["connectionMade", "readConnectionLost", "connectionLost"]);
  });

  test("a connection can be returned to a protocol, with the bytes received and not read", async () => {
    const second = new HalfRecorder();
    const { port } = serveHandler(make(), async (connection) => {
      for await (const line of lines(connection)) {
        if (String(line) === "switch") break;
      }
      connection.switchProtocol(second);
    });
    const peer = await Peer.connect(port);
    peer.write("switch\r\nrest");
    await second.arrived.reaches(4);
    peer.write(" and more");
    await second.arrived.reaches(13);
    second.transport.write("answer");
    expect(await peer.take(6)).toBe("answer");
    peer.end();
    await second.readEnded.promise;
    second.transport.loseConnection();
    expect(await second.lossError()).toBeInstanceOf(ConnectionDone);
    expect(second.text).toBe("rest and more");
  });

  // --- Node's streams ------------------------------------------------------------------------------------------------

  test("a Duplex has a net.Socket's addresses, options and counters", async () => {
    const reactor = make();
    const { port, next } = serve(reactor, () => new Recorder());
    const duplex = connectDuplex(endpoint(reactor, port));
    expect([duplex.connecting, duplex.pending, duplex.readyState, duplex.remoteAddress]).toEqual([
      true,
      true,
      "opening",
      undefined,
    ]);
    expect(duplex.setNoDelay(false).setKeepAlive(true, 1000).ref().unref()).toBe(duplex);
    duplex.write("early");
    await once(duplex, "ready");
    expect([duplex.connecting, duplex.pending, duplex.readyState]).toEqual([false, false, "open"]);
    expect([duplex.remoteAddress, duplex.remotePort, duplex.remoteFamily]).toEqual(["127.0.0.1", port, "IPv4"]);
    const address = { address: "127.0.0.1", family: "IPv4", port: duplex.localPort };
    expect([duplex.address(), duplex.localAddress, duplex.localFamily]).toEqual([address, "127.0.0.1", "IPv4"]);
    const protocol = await next();
    await protocol.arrived.reaches(5);
    expect(protocol.transport.getPeer().port).toBe(duplex.localPort);
    protocol.transport.write("answer");
    const [data] = (await once(duplex, "data")) as [Buffer];
    expect(String(data)).toBe("answer");
    expect([duplex.bytesRead, duplex.bytesWritten]).toEqual([6, 5]);
    duplex.destroy();
    const [hadError] = (await once(duplex, "close")) as [boolean];
    expect([hadError, duplex.readyState, duplex.destroyed]).toEqual([false, "closed", true]);
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
  });

  test("16 MiB go through a Duplex in both directions at once, with back-pressure", async () => {
    const reactor = make();
    const listening = reactor.listenTCP(
      0,
      duplexFactory((duplex) => duplex.pipe(duplex)),
      { interface: loopback() },
    );
    const check = new FlowCheck();
    const duplex = connectDuplex(endpoint(reactor, listening.getHost().port));
    let waited = 0;
    (async () => {
      for (let at = 0; at < 16 * MIB; at += 100_000) {
        if (!duplex.write(flow(Math.min(100_000, 16 * MIB - at), at))) {
          waited++;
          await once(duplex, "drain");
        }
      }
      duplex.end();
    })();
    for await (const data of duplex) {
      check.take(data as Buffer);
      if (check.at % 3 === 0) await turns(1);
    }
    expect([check.at, check.firstWrong]).toEqual([16 * MIB, -1]);
    expect(waited).toBeGreaterThan(1);
  });

  test("a Duplex that is not read applies back-pressure, and one whose peer does not read calls back late", async () => {
    const reactor = make();
    const { port, next } = serve(reactor, () => new Recorder());
    const peer = await Peer.connect(port, { reading: false });
    const protocol = await next();
    await protocol.made.promise;
    const duplex = toDuplex(protocol.transport);
    peer.write(flow(64 * MIB));
    expect(await settled(() => peer.socket.writableLength)).toBeGreaterThan(32 * MIB);
    let called = false;
    duplex.write(Buffer.alloc(64 * MIB), () => {
      called = true;
    });
    await turns(50);
    expect([called, duplex.writableNeedDrain]).toEqual([false, true]);
    duplex.destroy();
    await closed(duplex);
  });

  test("half-close: a Duplex with allowHalfOpen still writes after the peer's FIN, another ends", async () => {
    const reactor = make();
    const accepted: SocketDuplex[] = [];
    const listen = (allowHalfOpen: boolean) =>
      reactor.listenTCP(
        0,
        duplexFactory((duplex) => accepted.push(duplex), { allowHalfOpen }),
        {
          interface: loopback(),
        },
      );
    const open = await Peer.connect(listen(true).getHost().port);
    open.end("request");
    while (accepted.length === 0) await turns(1);
    const [duplex] = accepted.splice(0) as [SocketDuplex];
    expect(await collect(duplex)).toBe("request");
    await turns(3);
    expect([duplex.readyState, duplex.destroyed]).toEqual(["writeOnly", false]);
    duplex.end("answer");
    expect(await open.rest()).toBe("answer");
    await closed(duplex);

    const shut = await Peer.connect(listen(false).getHost().port);
    shut.end("request");
    while (accepted.length === 0) await turns(1);
    expect(await collect(accepted[0]!)).toBe("request");
    await shut.ended;
  });

  test("half-close: after end() a Duplex still reads, and closes on the peer's FIN", async () => {
    const reactor = make();
    const { port, next } = serve(reactor, () => new HalfRecorder());
    const duplex = connectDuplex(endpoint(reactor, port));
    duplex.end("request");
    const protocol = await next();
    await protocol.readEnded.promise;
    expect(protocol.text).toBe("request");
    if (!duplex.writableFinished) await once(duplex, "finish");
    expect(duplex.readyState).toBe("readOnly");
    protocol.transport.write("answer");
    protocol.transport.loseConnection();
    expect(await collect(duplex)).toBe("answer");
    await closed(duplex);
  });

  test("the network's errors have Node's codes", async () => {
    const reactor = make();
    const refused = connectDuplex(endpoint(reactor, await freePort()));
    const [refusal] = (await once(refused, "error").catch((error) => [error])) as [NodeJS.ErrnoException];
    expect([refusal.code, refusal.syscall, refusal.errno, refusal.cause]).toEqual([
      "ECONNREFUSED",
      "connect",
      -errnoNamed("ECONNREFUSED")!,
      expect.any(ConnectionRefusedError),
    ]);
    const { port, next } = serve(reactor, () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    await protocol.made.promise;
    const duplex = toDuplex(protocol.transport);
    const hadError = new Gate<boolean>();
    const error = new Gate<NodeJS.ErrnoException>();
    duplex.on("error", error.open).on("close", hadError.open);
    peer.reset();
    expect(await error.promise).toMatchObject({
      code: "ECONNRESET",
      syscall: "read",
      errno: -errnoNamed("ECONNRESET")!,
    });
    expect(await hadError.promise).toBe(true);
  });

  test("resetAndDestroy() resets, destroySoon() sends everything first, and destroy() while connecting ends the attempt", async () => {
    const reactor = make();
    const accepted: SocketDuplex[] = [];
    const listening = reactor.listenTCP(
      0,
      duplexFactory((duplex) => accepted.push(duplex)),
      {
        interface: loopback(),
      },
    );
    const { port } = listening.getHost();
    const reset = await Peer.connect(port);
    while (accepted.length < 1) await turns(1);
    accepted[0]!.resetAndDestroy();
    expect(await reset.closed).toBe("ECONNRESET");

    const check = new FlowCheck();
    const soon = await Peer.connect(port, { check });
    while (accepted.length < 2) await turns(1);
    accepted[1]!.write(flow(8 * MIB));
    accepted[1]!.destroySoon();
    await soon.ended;
    expect([check.at, check.firstWrong]).toEqual([8 * MIB, -1]);
    soon.end();

    const attempt = connectDuplex(endpoint(reactor, await freePort()));
    let failed = false;
    attempt.on("error", () => {
      failed = true;
    });
    attempt.destroy();
    await closed(attempt);
    await turns(3);
    expect(failed).toBe(false);
  });

  test("setTimeout() emits 'timeout' when idle, and the connection stays open", async () => {
    const reactor = make();
    const { port, next } = serve(reactor, () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    await protocol.made.promise;
    const duplex = toDuplex(protocol.transport);
    duplex.setTimeout(20);
    await once(duplex, "timeout");
    expect(duplex.destroyed).toBe(false);
    peer.write("after all");
    const [data] = await once(duplex, "data");
    expect(String(data)).toBe("after all");
    // Traffic begins another silence.
    await once(duplex, "timeout");
    duplex.destroy();
  });

  // --- web streams ---------------------------------------------------------------------------------------------------

  test("web streams carry 8 MiB in each direction, with BYOB reads, and close each half independently", async () => {
    const reactor = make();
    const { port } = serveHandler(reactor, async (connection) => {
      const { readable, writable } = toWeb(connection);
      await readable.pipeTo(writable);
      await connection.closed;
    });
    const { readable, writable } = toWeb(await connect(endpoint(reactor, port)));
    const sending = (async () => {
      const writer = writable.getWriter();
      for (let at = 0; at < 8 * MIB; at += 100_000) {
        await writer.ready;
        writer.write(flow(Math.min(100_000, 8 * MIB - at), at));
      }
      await writer.close();
    })();
    const check = new FlowCheck();
    const reader = readable.getReader({ mode: "byob" });
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(10_000));
      if (done) break;
      check.take(value);
    }
    await sending;
    expect([check.at, check.firstWrong]).toEqual([8 * MIB, -1]);
  });

  test("a reset errors both web streams; cancel() closes, abort() resets", async () => {
    const reactor = make();
    const { port, next } = serve(reactor, () => new Recorder());
    const open = async () => {
      const peer = await Peer.connect(port);
      const protocol = await next();
      await protocol.made.promise;
      return { peer, ...toWeb(protocol.transport) };
    };
    const reset = await open();
    const reading = reset.readable.getReader().read();
    reset.peer.reset();
    await expect(reading).rejects.toBeInstanceOf(ConnectionLost);
    await expect(reset.writable.getWriter().closed).rejects.toBeInstanceOf(ConnectionLost);
    const cancelled = await open();
    const closing = cancelled.readable.cancel();
    await cancelled.peer.ended;
    cancelled.peer.end();
    await closing;
    const cut = await open();
    await cut.writable.abort();
    expect(await cut.peer.closed).toBe("ECONNRESET");
  });

  test("taking over a lost connection is an error", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const { transport, lost } = await next();
    peer.end();
    await lost.promise;
    await expect(connectionOver(transport).read()).rejects.toBeInstanceOf(ConnectionLost);
    const duplex = toDuplex(transport);
    const [error] = (await once(duplex, "error").catch((reason) => [reason])) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
  });
});
