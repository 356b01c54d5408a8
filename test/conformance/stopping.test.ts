/** What was told to stop does nothing more, though it was on its way: attempts, delayed calls, producers, reconnections. */

import { expect, test } from "vitest";
import { ReconnectingClientFactory } from "../../src/entries/protocol.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { Connector } from "../../src/internet/interfaces.ts";
import { Gate, turns } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Client, Recorder, serve } from "../helpers/recorder.ts";
import { loopback } from "../helpers/world.ts";

forEachReactor((make) => {
  test("an attempt that another of the same batch stops builds no protocol", async () => {
    const reactor = make();
    const { port } = serve(reactor, () => new Recorder(), { backlog: 64 });
    const connectors: Connector[] = [];
    const factories = Array.from({ length: 20 }, () => {
      const factory = new Client(() => {
        for (const connector of connectors) if (connector.state === "connecting") connector.stopConnecting();
        return new Recorder();
      });
      connectors.push(reactor.connectTCP(loopback(), port, factory));
      return factory;
    });
    await Promise.race(factories.map((factory) => factory.next()));
    await turns(20);
    const built = factories.filter((factory) => factory.built.length > 0);
    expect(built).toHaveLength(1);
    for (const factory of factories) {
      if (factory === built[0]) continue;
      expect(factory.calls).toEqual(["doStart", "startedConnecting", "clientConnectionFailed", "doStop"]);
    }
  });

  test("a delayed call that another of the same time cancels is not made", async () => {
    const reactor = make();
    const made: number[] = [];
    const done = new Gate();
    const calls = Array.from({ length: 5 }, (_, i) =>
      reactor.callLater(0.01, () => {
        made.push(i);
        for (const call of calls) if (call.active()) call.cancel();
      }),
    );
    reactor.callLater(0.02, () => done.open());
    await done.promise;
    expect(made).toEqual([0]);
  });

  test("a producer that unregisters while it is paused or asked is not called again", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port, { reading: false });
    const { transport } = await next();
    for (const streaming of [true, false]) {
      const calls: string[] = [];
      const leave = (call: string) => () => {
        calls.push(call);
        transport.unregisterProducer();
      };
      const producer = {
        pauseProducing: leave("pause"),
        resumeProducing: leave("resume"),
        stopProducing: leave("stop"),
      };
      transport.registerProducer(producer, streaming as true);
      while (streaming && calls.length === 0) transport.write(Buffer.alloc(64 * 1024));
      await turns(5);
      expect(calls).toEqual([streaming ? "pause" : "resume"]);
    }
    peer.read();
    await turns(5);
  });

  test.each(["connected", "waiting to try again", "trying again"])(
    "a reconnecting factory that is stopped while it is %s does not try again",
    async (when) => {
      const reactor = make();
      const { port, listening, next } = serve(reactor, () => new Recorder());
      class Factory extends ReconnectingClientFactory {
        override noisy = false;
        override delay = 0.001;
        override factor = 1;
        override jitter = 0;
        started = 0;
        readonly waits = new Gate();
        readonly client = new Recorder();
        override buildProtocol(): Recorder {
          return this.client;
        }
        override startedConnecting(connector: Connector): void {
          this.started++;
          super.startedConnecting(connector);
          if (this.started === 2 && when === "trying again") this.stopTrying();
        }
        override clientConnectionLost(connector: Connector, reason: Failure): void {
          super.clientConnectionLost(connector, reason);
          if (when === "waiting to try again") this.stopTrying();
          this.waits.open();
        }
      }
      const factory = new Factory();
      factory.clock = reactor;
      reactor.connectTCP(loopback(), port, factory);
      const server = await next();
      await Promise.all([server.made.promise, factory.client.made.promise]);
      if (when === "connected") factory.stopTrying();
      server.transport.loseConnection();
      await factory.waits.promise;
      const passed = new Gate();
      reactor.callLater(0.05, () => passed.open());
      await passed.promise;
      expect(factory.started).toBe(when === "trying again" ? 2 : 1);
      await listening.stopListening();
    },
  );

  test("a reconnecting factory that is stopped during its first attempt ends that attempt", async () => {
    const reactor = make();
    const { port } = serve(reactor, () => new Recorder());
    let failures = 0;
    class Factory extends ReconnectingClientFactory {
      override buildProtocol(): Recorder {
        return new Recorder();
      }
      override clientConnectionFailed(connector: Connector, reason: Failure): void {
        failures++;
        super.clientConnectionFailed(connector, reason);
      }
    }
    const factory = new Factory();
    factory.clock = reactor;
    const connector = reactor.connectTCP(loopback(), port, factory);
    factory.stopTrying();
    expect([connector.state, failures]).toEqual(["disconnected", 1]);
    await turns(5);
    expect(connector.state).toBe("disconnected");
  });
});
