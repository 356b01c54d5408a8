/** Connections of which one side has ended. */

import { expect, test } from "vitest";
import { ConnectionDone } from "../../src/internet/error.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { turns } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { FAMILIES, forEachReactor } from "../helpers/reactors.ts";
import { HalfRecorder, pair, Recorder, serve } from "../helpers/recorder.ts";

const MIB = 1024 * 1024;

forEachReactor((make) => {
  test("after loseWriteConnection() the peer gets the FIN, and can still send", async () => {
    const { port, next } = serve(make(), () => new HalfRecorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    protocol.transport.write("that was all");
    protocol.transport.loseWriteConnection();
    expect(await peer.rest()).toBe("that was all");
    await protocol.writeEnded.promise;
    peer.write("not for me");
    await protocol.arrived.reaches(10);
    expect(protocol.losses).toBe(0);
    peer.end();
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
    expect(protocol.calls).toEqual([
      "connectionMade",
      "writeConnectionLost",
      "dataReceived",
      "readConnectionLost",
      "connectionLost",
    ]);
  });

  test("loseWriteConnection() sends everything written before the FIN, 8 MiB to a slow reader", async () => {
    const { port, next } = serve(make(), () => new HalfRecorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { reading: false, check });
    const protocol = await next();
    for (let at = 0; at < 8 * MIB; at += MIB) protocol.transport.write(flow(MIB, at));
    protocol.transport.loseWriteConnection();
    await turns(20);
    expect(protocol.calls).not.toContain("writeConnectionLost");
    peer.read();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([8 * MIB, -1]);
    await protocol.writeEnded.promise;
  });

  test("loseWriteConnection() twice sends one FIN, and writes after it are ignored", async () => {
    const { port, next } = serve(make(), () => new HalfRecorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    protocol.transport.write("once");
    protocol.transport.loseWriteConnection();
    protocol.transport.loseWriteConnection();
    await protocol.writeEnded.promise;
    protocol.transport.loseWriteConnection();
    protocol.transport.write("too late");
    expect(await peer.rest()).toBe("once");
    await turns(3);
    expect(protocol.calls).toEqual(["connectionMade", "writeConnectionLost"]);
  });

  test("a protocol that is not half-closeable may half-close", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    protocol.transport.loseWriteConnection();
    await peer.ended;
    peer.end("answer");
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
    expect(protocol.text).toBe("answer");
  });

  test("after the peer's FIN readConnectionLost() is called once, and 4 MiB can still be written", async () => {
    const { port, next } = serve(make(), () => new HalfRecorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { check });
    const protocol = await next();
    peer.end("request");
    await protocol.readEnded.promise;
    expect(protocol.text).toBe("request");
    for (let at = 0; at < 4 * MIB; at += MIB) {
      protocol.transport.write(flow(MIB, at));
      await peer.arrived.reaches(at + MIB);
    }
    expect(protocol.losses).toBe(0);
    protocol.transport.loseWriteConnection();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([4 * MIB, -1]);
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
    expect(protocol.calls).toEqual([
      "connectionMade",
      "dataReceived",
      "readConnectionLost",
      "writeConnectionLost",
      "connectionLost",
    ]);
  });

  test("after the peer's FIN loseConnection() sends what was written and closes", async () => {
    const { port, next } = serve(make(), () => {
      const protocol = new HalfRecorder();
      protocol.onReadEnd = () => {
        for (let at = 0; at < 4 * MIB; at += MIB) protocol.transport.write(flow(MIB, at));
        protocol.transport.loseConnection();
      };
      return protocol;
    });
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { check });
    peer.end();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([4 * MIB, -1]);
    const protocol = await next();
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
    expect(protocol.calls).toEqual(["connectionMade", "readConnectionLost", "connectionLost"]);
  });

  test("a protocol without readConnectionLost() closes on the peer's FIN, after sending 8 MiB that it had written", async () => {
    const { port } = serve(make(), () => {
      const protocol = new Recorder();
      protocol.onData = () => {
        for (let at = 0; at < 8 * MIB; at += MIB) protocol.transport.write(flow(MIB, at));
      };
      return protocol;
    });
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { reading: false, check });
    peer.end("request");
    await turns(20);
    peer.read();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([8 * MIB, -1]);
  });

  test("a protocol without readConnectionLost() is lost with ConnectionDone", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    peer.end();
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
    expect(protocol.calls).toEqual(["connectionMade", "connectionLost"]);
  });

  test("both ends may half-close one after the other, or at the same time", async () => {
    const reactor = make();
    const [client, server] = await pair(reactor, new HalfRecorder(), new HalfRecorder());
    client.transport.write("ping");
    client.transport.loseWriteConnection();
    await server.readEnded.promise;
    server.transport.write("pong");
    server.transport.loseWriteConnection();
    await Promise.all([client.lost.promise, server.lost.promise]);
    expect([client.text, server.text]).toEqual(["pong", "ping"]);

    const [left, right] = await pair(reactor, new HalfRecorder(), new HalfRecorder());
    left.transport.loseWriteConnection();
    right.transport.loseWriteConnection();
    await Promise.all([left.lost.promise, right.lost.promise]);
    for (const { calls } of [left, right]) {
      expect(calls.filter((call) => call === "readConnectionLost")).toHaveLength(1);
      expect(calls.filter((call) => call === "writeConnectionLost")).toHaveLength(1);
      expect(calls.at(-1)).toBe("connectionLost");
    }
  });

  test("loseConnection() after loseWriteConnection() delivers everything and closes", async () => {
    const { port, next } = serve(make(), () => new HalfRecorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    protocol.transport.write("bye");
    protocol.transport.loseWriteConnection();
    protocol.transport.loseConnection();
    expect(await peer.rest()).toBe("bye");
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
  });
}, FAMILIES);
