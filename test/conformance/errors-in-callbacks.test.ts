/** A method of a protocol, a producer or a factory that throws: its own connection ends with the error, and no other. */

import { expect, test } from "vitest";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor, takeLog } from "../helpers/reactors.ts";
import { Client, dial, Echo, HalfRecorder, Recorder, serve } from "../helpers/recorder.ts";

const boom = () => {
  throw new Error("boom");
};

/** Where a connection's own method throws, and what makes it be called. */
const places: Record<string, (protocol: HalfRecorder, peer: () => Peer) => void> = {
  connectionMade: (protocol) => {
    protocol.onMade = boom;
  },
  dataReceived: (protocol) => {
    protocol.onData = boom;
  },
  readConnectionLost: (protocol, peer) => {
    protocol.onReadEnd = boom;
    protocol.onData = () => peer().end();
  },
  writeConnectionLost: (protocol) => {
    protocol.onWriteEnd = boom;
    protocol.onData = () => protocol.transport.loseWriteConnection();
  },
  "a rejected async dataReceived": (protocol) => {
    protocol.dataReceived = (async () => boom()) as unknown as typeof protocol.dataReceived;
  },
  "resumeProducing of a pull producer": (protocol) => {
    protocol.onData = () =>
      protocol.transport.registerProducer({ resumeProducing: boom, stopProducing: () => undefined }, false);
  },
  "pauseProducing of a push producer": (protocol) => {
    protocol.onData = () => {
      const producer = { pauseProducing: boom, resumeProducing: () => undefined, stopProducing: () => undefined };
      protocol.transport.registerProducer(producer, true);
      protocol.transport.write(Buffer.alloc(64 * 1024 * 1024));
    };
  },
};

forEachReactor((make) => {
  test.each(Object.keys(places))(
    "%s throws: that connection ends with the error, its neighbour goes on",
    async (place) => {
      const reactor = make();
      let peer: Peer | undefined;
      const thrower = new HalfRecorder();
      places[place]!(thrower, () => peer!);
      const neighbour = new Echo();
      const waiting = [neighbour, thrower];
      const { port } = serve(reactor, () => waiting.shift()!);
      const steady = await Peer.connect(port);
      steady.write("before");
      expect(await steady.take(6)).toBe("before");
      // Its connection may be gone before it has seen it.
      peer = await Peer.connect(port, { reading: false }).catch(() => undefined);
      peer?.write("x");
      expect(String(await thrower.lossError())).toBe("Error: boom");
      expect(thrower.losses).toBe(1);
      steady.write("after");
      expect(await steady.take(5)).toBe("after");
      expect(takeLog().join()).toContain("Error: boom");
    },
  );

  test("connectionLost and stopProducing throw: it is logged, and nothing else happens", async () => {
    const reactor = make();
    const thrower = new Recorder();
    thrower.onLost = boom;
    const { port } = serve(reactor, () => thrower);
    const peer = await Peer.connect(port);
    await thrower.made.promise;
    const producer = { pauseProducing: () => undefined, resumeProducing: () => undefined, stopProducing: boom };
    thrower.transport.registerProducer(producer, true);
    await peer.close();
    await thrower.lost.promise;
    await dial(reactor, serve(reactor, () => new Echo()).port, new Recorder());
    expect(takeLog().filter((line) => line.includes("Error: boom"))).toHaveLength(2);
  });

  test.each(["startedConnecting", "clientConnectionFailed", "clientConnectionLost", "buildProtocol"])(
    "a client factory's %s throws: the reactor goes on",
    async (place) => {
      const reactor = make();
      const { port, listening } = serve(reactor, () => new Recorder());
      const factory = new Client(() => (place === "buildProtocol" ? boom() : new Recorder()));
      if (place === "clientConnectionLost") factory.onLost = boom;
      if (place === "clientConnectionFailed") factory.onFailed = boom;
      if (place === "startedConnecting") {
        factory.onStarted = boom;
        expect(() => reactor.connectTCP("127.0.0.1", port, factory)).toThrow("boom");
      } else if (place === "clientConnectionFailed") {
        await listening.stopListening();
        reactor.connectTCP("127.0.0.1", port, factory);
        await factory.failures.next();
      } else {
        reactor.connectTCP("127.0.0.1", port, factory);
        if (place === "clientConnectionLost") (await factory.next()).onMade = () => undefined;
        if (place === "clientConnectionLost") {
          const client = factory.built[0]!;
          await client.made.promise;
          client.transport.loseConnection();
        }
        await factory.losses.next();
      }
      const echo = serve(reactor, () => new Echo());
      const client = await dial(reactor, echo.port, new Recorder());
      client.transport.write("still here");
      await client.arrived.reaches(10);
      if (place !== "startedConnecting") expect(takeLog().join()).toContain("Error: boom");
    },
  );
});
