/** A reactor whose program, or whole machine, stands still. */
import { expect, test } from "vitest";
import { FlowCheck, flow } from "../helpers/flow.ts";
import { Gate, Tally, until } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Recorder, serve } from "../helpers/recorder.ts";

const BYTES = 8 * 1024 * 1024;
/** Longer than what is left has to be sent. */
const STANDSTILL_MS = 1100;

/** More than one tick of the loop delivers. */
const PEERS = 300;

function standStill(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STANDSTILL_MS);
}

forEachReactor((make) => {
  test("what a peer is ready to read is delivered though the loop stands still for longer than a second", async () => {
    const reactor = make({ run: false });
    const ended = reactor.run({ installSignalHandlers: false });
    const { port, next } = serve(reactor, () => new Recorder());
    const check = new FlowCheck();
    const peer = await Peer.connect(port, { check });
    void peer.ended.then(() => peer.end());
    (await next()).transport.write(flow(BYTES));
    reactor.stop();
    await until(() => reactor.ending);
    standStill();
    await ended;
    await peer.closed;
    expect([check.at, check.firstWrong]).toEqual([BYTES, -1]);
  });

  test("what arrived before a call was due is delivered before it, though all are late", async () => {
    const reactor = make();
    const { port, next } = serve(reactor, () => new Recorder());
    const peers: Peer[] = [];
    const order: string[] = [];
    const all = new Tally();
    while (peers.length < PEERS) {
      peers.push(await Peer.connect(port));
      (await next()).onData = () => {
        order.push("data");
        all.add();
      };
    }
    const called = new Gate();
    reactor.callLater(0.1, () => {
      order.push("call");
      called.open();
    });
    for (const peer of peers) peer.write("in time");
    standStill();
    await Promise.all([called.promise, all.reaches(PEERS)]);
    expect(order.indexOf("call")).toBe(PEERS);
  });
});
