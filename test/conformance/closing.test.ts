/** The ends of a connection: by us or by the peer, at once or when all is sent. */

import { expect, test } from "vitest";
import { ConnectionAborted, ConnectionDone, ConnectionLost } from "../../src/internet/error.ts";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { turns } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { FAMILIES, forEachReactor } from "../helpers/reactors.ts";
import { FlowRecorder, pair, Recorder, serve } from "../helpers/recorder.ts";

const MIB = 1024 * 1024;

forEachReactor((make) => {
  test("loseConnection() closes after 64 MiB are delivered to a slow reader", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { reading: false, check });
    const protocol = await next();
    for (let at = 0; at < 64 * MIB; at += MIB) protocol.transport.write(flow(MIB, at));
    protocol.transport.loseConnection();
    expect(protocol.transport.disconnecting).toBe(true);
    await turns(20);
    expect(protocol.losses).toBe(0);
    peer.read();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([64 * MIB, -1]);
    peer.end();
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
  });

  test("64 MiB are delivered before the close also while the peer keeps sending", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { reading: false, check });
    const protocol = await next();
    const chatter = Buffer.alloc(16 * 1024);
    peer.socket.on("drain", () => peer.write(chatter));
    for (let i = 0; i < 64; i++) peer.write(chatter);
    await protocol.arrived.reaches(1);
    for (let at = 0; at < 64 * MIB; at += MIB) protocol.transport.write(flow(MIB, at));
    protocol.transport.loseConnection();
    const received = protocol.arrived.count;
    peer.read();
    await peer.ended;
    expect([check.at, check.firstWrong]).toEqual([64 * MIB, -1]);
    await protocol.lost.promise;
    expect(protocol.arrived.count).toBe(received);
  });

  test("nothing is received after loseConnection()", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    protocol.onData = () => protocol.transport.loseConnection();
    peer.write("first");
    await protocol.arrived.reaches(5);
    peer.write("second");
    await peer.ended;
    peer.end("third");
    await protocol.lost.promise;
    expect(protocol.text).toBe("first");
  });

  /** A server that has 64 MiB to send, and a client that has not begun to read them. */
  async function stuffed(): Promise<[FlowRecorder, Recorder]> {
    const client = new FlowRecorder();
    client.onMade = () => client.transport.pauseProducing();
    const [, server] = await pair(make(), client, new Recorder());
    for (let at = 0; at < 64 * MIB; at += MIB) server.transport.write(flow(MIB, at));
    return [client, server];
  }

  test("abortConnection() drops queued bytes, and the peer gets a reset", async () => {
    const [client, server] = await stuffed();
    server.transport.abortConnection();
    const error = await server.lossError();
    expect(error).toBeInstanceOf(ConnectionAborted);
    expect(error).toBeInstanceOf(ConnectionLost);
    client.transport.resumeProducing();
    expect(await client.lossError()).toMatchObject({ osError: "ECONNRESET" });
    expect(client.check.at).toBeLessThan(64 * MIB);
    expect(client.check.firstWrong).toBe(-1);
  });

  test("abortConnection() interrupts the flush of loseConnection()", async () => {
    const [client, server] = await stuffed();
    server.transport.loseConnection();
    server.transport.abortConnection();
    expect(await server.lossError()).toBeInstanceOf(ConnectionAborted);
    client.transport.resumeProducing();
    expect(await client.lossError()).toMatchObject({ osError: "ECONNRESET" });
  });

  test("a peer in another implementation gets the reset of abortConnection()", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    await protocol.made.promise;
    protocol.transport.abortConnection();
    expect(await peer.closed).toBe("ECONNRESET");
  });

  test("a peer that closes is a ConnectionDone, after everything it sent", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    peer.end("last words");
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
    expect(protocol.text).toBe("last words");
    expect(await peer.rest()).toBe("");
  });

  test("a peer that resets is a ConnectionLost with the kernel's reason", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    await protocol.made.promise;
    peer.reset();
    const error = await protocol.lossError();
    expect(error).toBeInstanceOf(ConnectionLost);
    expect(error).not.toBeInstanceOf(ConnectionAborted);
    expect(error).toMatchObject({ osError: "ECONNRESET", code: "ERR_CONNECTION_LOST" });
  });

  test.each(["loseConnection", "abortConnection"] as const)(
    "connectionLost() is never called from inside %s(), and only once however often that is called",
    async (end) => {
      const [client, server] = await pair(make(), new Recorder(), new Recorder());
      for (let i = 0; i < 3; i++) client.transport[end]();
      expect(client.losses).toBe(0);
      await Promise.all([client.lost.promise, server.lost.promise]);
      client.transport.loseConnection();
      client.transport.abortConnection();
      await turns(5);
      expect([client.losses, server.losses]).toEqual([1, 1]);
    },
  );

  test("a connection that is closed in connectionMade() sends what it wrote there", async () => {
    const { port } = serve(make(), () => {
      const protocol = new Recorder();
      protocol.onMade = () => {
        protocol.transport.write("busy");
        protocol.transport.loseConnection();
      };
      return protocol;
    });
    const peer = await Peer.connect(port);
    expect(await peer.rest()).toBe("busy");
  });

  test("both ends may close at the same time", async () => {
    const [client, server] = await pair(make(), new Recorder(), new Recorder());
    client.transport.write("from the client");
    server.transport.write("from the server");
    client.transport.loseConnection();
    server.transport.loseConnection();
    expect(await client.lossError()).toBeInstanceOf(ConnectionDone);
    expect(await server.lossError()).toBeInstanceOf(ConnectionDone);
  });
}, FAMILIES);
