/** What a protocol and its factory are told, and in which order, from the listening port or the connect to the end. */

import { expect, test } from "vitest";
import { ConnectionDone } from "../../src/internet/error.ts";
import { Peer, PeerServer } from "../helpers/peer.ts";
import { FAMILIES, forEachReactor } from "../helpers/reactors.ts";
import { Client, dial, Recorder, serve } from "../helpers/recorder.ts";
import { bracketed, loopback } from "../helpers/world.ts";

forEachReactor((make) => {
  test("a server's factory and protocol get each call once, in order", async () => {
    const reactor = make();
    const { factory, listening, port, next } = serve(reactor, () => new Recorder());
    expect(factory.calls).toEqual(["doStart"]);
    const peer = await Peer.connect(port);
    const protocol = await next();
    expect(factory.calls).toEqual(["doStart", `buildProtocol ${bracketed(loopback())}:${peer.socket.localPort}`]);
    for (const word of ["one", "two", "three"]) {
      peer.write(word);
      await protocol.arrived.reaches(protocol.arrived.count + word.length);
    }
    peer.end();
    expect(await protocol.lossError()).toBeInstanceOf(ConnectionDone);
    expect(protocol.text).toBe("onetwothree");
    expect(protocol.calls).toEqual(["connectionMade", "dataReceived", "connectionLost"]);
    await listening.stopListening();
    expect(factory.calls.at(-1)).toBe("doStop");
  });

  test("a client's factory and protocol get each call once, in order", async () => {
    const reactor = make();
    const server = await PeerServer.listen();
    const factory = new Client(() => new Recorder());
    const connector = reactor.connectTCP(loopback(), server.port, factory);
    expect(connector.state).toBe("connecting");
    const peer = await server.accepted();
    const protocol = await factory.next();
    await protocol.made.promise;
    expect(connector.state).toBe("connected");
    peer.end("bye");
    const reason = await factory.losses.next();
    expect(reason.value).toBeInstanceOf(ConnectionDone);
    expect(await protocol.lost.promise).toBe(reason);
    expect(connector.state).toBe("disconnected");
    expect(protocol.calls).toEqual(["connectionMade", "dataReceived", "connectionLost"]);
    expect(factory.calls).toEqual([
      "doStart",
      "startedConnecting",
      `buildProtocol ${bracketed(loopback())}:${server.port}`,
      "clientConnectionLost",
      "doStop",
    ]);
  });

  test("getPeer() and getHost() are the addresses that the other side sees, also after the loss", async () => {
    const reactor = make();
    const { port, next, listening } = serve(reactor, () => new Recorder());
    expect(listening.getHost()).toMatchObject({ type: "TCP", host: loopback(), port });
    const client = await dial(reactor, port, new Recorder());
    const server = await next();
    expect(client.transport.getPeer()).toMatchObject({ type: "TCP", host: loopback(), port });
    expect(client.transport.getPeer().equals(server.transport.getHost())).toBe(true);
    expect(client.transport.getHost().equals(server.transport.getPeer())).toBe(true);
    const seen = server.transport.getPeer();
    client.transport.loseConnection();
    await Promise.all([client.lost.promise, server.lost.promise]);
    expect(server.transport.getPeer()).toBe(seen);
    expect(client.transport.getPeer()).toMatchObject({ host: loopback(), port });
    expect(server.transport.getHost()).toMatchObject({ host: loopback(), port });
    expect(() => client.transport.getHost()).not.toThrow();
  });

  test("connectionMade() may write at once, on both ends", async () => {
    const reactor = make();
    const greeting = (text: string) => {
      const protocol = new Recorder();
      protocol.onMade = () => protocol.transport.write(text);
      return protocol;
    };
    const { port, next } = serve(reactor, () => greeting("from the server"));
    const client = await dial(reactor, port, greeting("from the client"));
    const server = await next();
    await Promise.all([client.arrived.reaches(15), server.arrived.reaches(15)]);
    expect([client.text, server.text]).toEqual(["from the server", "from the client"]);
  });

  test("a host name connects like its address", async () => {
    const reactor = make();
    const { port } = serve(reactor, () => new Recorder(), { interface: "127.0.0.1" });
    const client = await dial(reactor, port, new Recorder(), "localhost");
    expect(client.transport.getPeer()).toMatchObject({ host: "127.0.0.1", port });
  });

  test("bytes that arrive around a crash() are delivered when the reactor runs again", async () => {
    const reactor = make();
    const { port, next } = serve(reactor, () => new Recorder());
    const peer = await Peer.connect(port);
    const protocol = await next();
    const bystanders = await PeerServer.listen();
    for (let round = 1; round <= 300; round++) {
      if (round % 2 === 0) peer.write("x");
      reactor.crash();
      if (round % 2 === 1) peer.write("x");
      // Some turns of the loop, in which the reactor is idle.
      const bystander = await Peer.connect(bystanders.port);
      await bystander.close();
      void reactor.run({ installSignalHandlers: false });
      await protocol.arrived.reaches(round);
    }
  });

  test("port 0 is a free port, a different one each time", () => {
    const reactor = make();
    const ports = Array.from({ length: 8 }, () => serve(reactor, () => new Recorder()).port);
    expect(Math.min(...ports)).toBeGreaterThan(0);
    expect(new Set(ports).size).toBe(8);
  });

  test("a factory of several ports starts before the first and stops after the last", async () => {
    const reactor = make();
    const { factory, listening } = serve(reactor, () => new Recorder());
    const second = reactor.listenTCP(0, factory, { interface: loopback() });
    await listening.stopListening();
    expect(factory.calls).toEqual(["doStart"]);
    await second.stopListening();
    expect(factory.calls).toEqual(["doStart", "doStop"]);
  });

  test("a port that listened before the reactor runs is served once it does", async () => {
    const reactor = make({ run: false });
    const { port, next } = serve(reactor, () => new Recorder());
    const peer = await Peer.connect(port);
    peer.write("early");
    const ended = reactor.run({ installSignalHandlers: false });
    const protocol = await next();
    await protocol.arrived.reaches(5);
    expect(protocol.text).toBe("early");
    reactor.stop();
    await ended;
    expect(protocol.losses).toBe(1);
  });

  test("a stopped reactor can be run again, with new ports and connections", async () => {
    const reactor = make({ run: false });
    for (let round = 0; round < 3; round++) {
      const ended = reactor.run({ installSignalHandlers: false });
      const { port, next } = serve(reactor, () => new Recorder());
      const client = await dial(reactor, port, new Recorder());
      client.transport.write("again");
      const server = await next();
      await server.arrived.reaches(5);
      reactor.stop();
      await ended;
      expect([client.losses, server.losses]).toEqual([1, 1]);
    }
  });
}, FAMILIES);
