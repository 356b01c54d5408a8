/** Every method of a transport, called from every callback: nothing crashes, and each connection is lost once. */

import { describe, expect, test } from "vitest";
import type { NativeReactor } from "../../src/internet/nativereactor.ts";
import { ServerFactory } from "../../src/internet/protocol.ts";
import { turns, until } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor, takeLog } from "../helpers/reactors.ts";
import { Client, Echo, HalfRecorder, Recorder, serve } from "../helpers/recorder.ts";

interface Scene {
  readonly reactor: NativeReactor;
  readonly self: HalfRecorder;
  readonly other: HalfRecorder;
}

const producer = () => ({
  pauseProducing: () => undefined,
  resumeProducing: () => undefined,
  stopProducing: () => undefined,
});

const methods: Record<string, (scene: Scene) => void> = {
  "write nothing": ({ self }) => self.transport.write(""),
  "write a little": ({ self }) => self.transport.write("x"),
  "write 1 MiB": ({ self }) => self.transport.write(Buffer.alloc(1 << 20)),
  writeSequence: ({ self }) => self.transport.writeSequence(["a", Buffer.alloc(0), "b"]),
  loseConnection: ({ self }) => self.transport.loseConnection(),
  abortConnection: ({ self }) => self.transport.abortConnection(),
  loseWriteConnection: ({ self }) => self.transport.loseWriteConnection(),
  "pause and resume": ({ self }) => {
    self.transport.pauseProducing();
    self.transport.resumeProducing();
  },
  stopProducing: ({ self }) => self.transport.stopProducing(),
  "register and unregister a producer": ({ self }) => {
    self.transport.unregisterProducer();
    self.transport.registerProducer(producer(), true);
    self.transport.unregisterProducer();
    self.transport.registerProducer(producer(), false);
    self.transport.unregisterProducer();
  },
  "socket options": ({ self }) => {
    self.transport.setTcpNoDelay(!self.transport.getTcpNoDelay());
    self.transport.setTcpKeepAlive(!self.transport.getTcpKeepAlive());
  },
  addresses: ({ self }) => {
    expect(self.transport.getPeer().port).toBeGreaterThan(0);
    expect(self.transport.getHost().port).toBeGreaterThan(0);
  },
  "abort another": ({ other }) => other.transport.abortConnection(),
  "lose another": ({ other }) => other.transport.loseConnection(),
  "write to another": ({ other }) => other.transport.write("psst"),
  "pause another": ({ other }) => other.transport.pauseProducing(),
  "stop the reactor": ({ reactor }) => reactor.stop(),
  listen: ({ reactor }) => {
    const port = reactor.listenTCP(0, new ServerFactory(), { interface: "127.0.0.1" });
    port.stopListening();
  },
  connect: ({ reactor }) => {
    reactor.connectTCP("127.0.0.1", 1, new Client(() => new Recorder()));
  },
};

/** Where the method is called from, and what the peer does so that it comes to that. */
const callbacks: Record<string, (self: HalfRecorder, act: () => void, peer: Peer) => void> = {
  connectionMade: (_self, _act, peer) => peer.end("x"),
  dataReceived: (self, act, peer) => {
    self.onData = act;
    peer.end("x");
  },
  readConnectionLost: (self, act, peer) => {
    self.onReadEnd = act;
    peer.end("x");
  },
  writeConnectionLost: (self, act, peer) => {
    self.onWriteEnd = act;
    self.transport.loseWriteConnection();
    peer.end("x");
  },
  connectionLost: (self, act, peer) => {
    self.onLost = act;
    peer.reset();
  },
  resumeProducing: (self, act, peer) => {
    let asked = 0;
    const pull = {
      resumeProducing: () => {
        if (asked++ === 0) self.transport.write("asked");
        else if (asked === 2) act();
      },
      stopProducing: () => undefined,
    };
    self.transport.registerProducer(pull, false);
    peer.end("x");
  },
  pauseProducing: (self, act, peer) => {
    let paused = false;
    const push = {
      ...producer(),
      pauseProducing: () => {
        if (paused) return;
        paused = true;
        act();
      },
    };
    self.transport.registerProducer(push, true);
    self.transport.write(Buffer.alloc(16 * 1024 * 1024));
    peer.end("x");
  },
  stopProducing: (self, act, peer) => {
    self.transport.registerProducer({ ...producer(), stopProducing: act }, true);
    peer.reset();
  },
};

forEachReactor((make) => {
  describe.each(Object.keys(callbacks))("from %s", (callback) => {
    test.each(Object.keys(methods))("%s", async (method) => {
      const reactor = make({ run: false });
      const ended = reactor.run({ installSignalHandlers: false });
      const [self, other] = [new HalfRecorder(), new HalfRecorder()];
      const waiting = [other, self];
      const { port } = serve(reactor, () => waiting.shift()!);
      const beside = await Peer.connect(port);
      await other.made.promise;
      let acted = 0;
      const act = () => {
        acted++;
        methods[method]!({ reactor, self, other });
      };
      if (callback === "connectionMade") self.onMade = act;
      // The peer may be cut off before it has seen its connection.
      const peer = await Peer.connect(port).catch(() => undefined);
      await self.made.promise;
      if (peer !== undefined) callbacks[callback]!(self, act, peer);
      await until(() => acted > 0);
      await turns(2);
      // Whatever was done, the end comes: by itself, by the peers' going, or by the reactor's.
      peer?.socket.destroySoon();
      await peer?.closed;
      beside.socket.destroy();
      if (method !== "stop the reactor") reactor.stop();
      await ended;
      expect(acted).toBe(1);
      expect([self.losses, other.losses]).toEqual([1, 1]);
      expect(takeLog().filter((line) => !line.includes("already"))).toEqual([]);
    });
  });

  test("after all that, a fresh reactor serves", async () => {
    const reactor = make();
    const peer = await Peer.connect(serve(reactor, () => new Echo()).port);
    peer.write("fine");
    expect(await peer.take(4)).toBe("fine");
  });
});
