/** What stop() means for those who are connected. */

import { expect, test } from "vitest";
import { ConnectionLost } from "../../src/internet/error.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { dial, Echo, Recorder, serve } from "../helpers/recorder.ts";

forEachReactor((make) => {
  test("stop() with 1,000 live connections tells each once, and what was just written arrives", async () => {
    const reactor = make({ run: false });
    const ended = reactor.run({ installSignalHandlers: false });
    const served = serve(reactor, () => new Recorder(), { backlog: 1024 });
    const clients = await Promise.all(Array.from({ length: 500 }, () => dial(reactor, served.port, new Recorder())));
    const peer = await Peer.connect(served.port);
    while (served.factory.built.length < 501) await served.next();
    for (const server of served.factory.built) server.transport.write("goodbye");
    reactor.stop();
    await ended;
    expect(await peer.rest()).toBe("goodbye");
    const everyone = [...clients, ...served.factory.built];
    expect(everyone.map((protocol) => protocol.losses)).toEqual(everyone.map(() => 1));
    const { value } = await everyone[0]!.lost.promise;
    expect(value).toBeInstanceOf(ConnectionLost);
    expect(served.factory.calls.at(-1)).toBe("doStop");
  });

  test("stop() does not wait long for a peer that reads nothing", async () => {
    const reactor = make({ run: false });
    const ended = reactor.run({ installSignalHandlers: false });
    const served = serve(reactor, () => new Recorder());
    await Peer.connect(served.port, { reading: false });
    const server = await served.next();
    await server.made.promise;
    server.transport.write(Buffer.alloc(64 * 1024 * 1024));
    reactor.stop();
    await ended;
    expect(server.losses).toBe(1);
  });

  test("a reactor that has stopped runs again, with the ports that are opened then", async () => {
    const reactor = make({ run: false });
    for (let round = 0; round < 3; round++) {
      const ended = reactor.run({ installSignalHandlers: false });
      const client = await dial(reactor, serve(reactor, () => new Echo()).port, new Recorder());
      client.transport.write("round");
      await client.arrived.reaches(5);
      reactor.stop();
      await ended;
      expect(client.losses).toBe(1);
    }
  });
});
