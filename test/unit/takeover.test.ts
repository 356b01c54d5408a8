/** A receiver delivers nothing once another protocol has its connection, however much it had been given before. */
import { Duplex } from "node:stream";
import { describe, expect, it, test } from "vitest";
import { LineReceiver } from "../../src/entries/protocols/basic.ts";
import { Bucket, ShapedProtocolFactory } from "../../src/entries/protocols/htb.ts";
import { ProtocolWrapper, TimeoutMixin, WrappingFactory } from "../../src/entries/protocols/policies.ts";
import { connectionOver, fromDuplex } from "../../src/entries/streams.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { HIGH_WATER } from "../../src/internet/stream/sendqueue.ts";
import { Clock } from "../../src/testing/clock.ts";
import { connectedServerAndClient } from "../../src/testing/iosim.ts";
import { StringTransport } from "../../src/testing/stringtransport.ts";
import { turns, until } from "../helpers/gate.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Recorder, serve } from "../helpers/recorder.ts";
import { FRAMINGS, Lines } from "../helpers/talkers.ts";
import { connect, Keeper, keepers } from "../helpers/wrapped.ts";

describe.each(FRAMINGS)("a %s whose connection is taken over", (_name, Framing, encode) => {
  function start() {
    const talker = new Framing();
    const transport = new StringTransport().connect(talker);
    const next = new Keeper();
    return { talker, transport, next, receive: (...all: string[]) => transport.receive(all.map(encode).join("")) };
  }

  it("delivers no message that was held back", () => {
    const { talker, transport, next, receive } = start();
    transport.congest();
    receive("1st.", "2nd.");
    transport.switchProtocol(next);
    transport.drain();
    transport.receive("for the next");
    expect([talker.messages, next.received]).toEqual([[], "for the next"]);
  });

  it("delivers no further message of a chunk in which it gives the connection away", () => {
    const { talker, transport, next, receive } = start();
    talker.onMessage = () => transport.switchProtocol(next);
    receive("1st.", "2nd.", "3rd.");
    expect(talker.messages).toEqual(["1st."]);
  });

  it("nor when that happens while what was held back is delivered", () => {
    const { talker, transport, next, receive } = start();
    transport.congest();
    receive("1st.", "2nd.");
    talker.onMessage = () => transport.switchProtocol(next);
    transport.drain();
    transport.congest();
    transport.drain();
    expect(talker.messages).toEqual(["1st."]);
  });

  it("delivers again when it gets the connection back", () => {
    const { talker, transport, next, receive } = start();
    transport.switchProtocol(next);
    transport.switchProtocol(talker);
    receive("1st.");
    expect(talker.messages).toEqual(["1st."]);
  });
});

describe("a receiver whose connection was taken over", () => {
  function taken() {
    const lines = new Lines();
    const transport = new StringTransport().connect(lines);
    transport.congest();
    transport.receive("one\ntwo\n");
    return { lines, transport, next: new Keeper() };
  }

  it("keeps what it has not delivered, for the program to give to the next one", () => {
    const { lines, transport, next } = taken();
    transport.switchProtocol(next);
    next.dataReceived(lines.clearLineBuffer());
    expect([lines.messages, next.received]).toEqual([[], "one\ntwo\n"]);
    expect(lines.clearLineBuffer()).toHaveLength(0);
  });

  it("also from inside the message with which it gives the connection away", () => {
    const { lines, transport, next } = taken();
    lines.onMessage = () => {
      transport.switchProtocol(next);
      next.dataReceived(lines.clearLineBuffer());
    };
    transport.drain();
    expect([lines.messages, next.received]).toEqual([["one"], "two\n"]);
  });

  it("delivers nothing that setLineMode() puts back", () => {
    const { lines, transport, next } = taken();
    transport.switchProtocol(next);
    lines.setLineMode(Buffer.from("three\n"));
    expect([lines.messages, String(lines.clearLineBuffer())]).toEqual([[], "three\none\ntwo\n"]);
  });

  it("neither delivers nor controls the connection by its own pause and resumption", () => {
    const { lines, transport, next } = taken();
    lines.pauseProducing();
    transport.resumeProducing();
    transport.switchProtocol(next);
    transport.drain();
    lines.pauseProducing();
    expect(transport.producerState).toBe("producing");
    transport.pauseProducing();
    lines.resumeProducing();
    expect([transport.producerState, lines.messages]).toEqual(["paused", []]);
    lines.stopProducing();
    expect(transport.disconnecting).toBe(false);
  });

  it("begins with nothing on another connection", () => {
    const { lines, transport, next } = taken();
    transport.switchProtocol(next);
    new StringTransport().connect(lines).receive("three\n");
    expect(lines.messages).toEqual(["three"]);
  });

  it("is not closed by a timeout of the one before", () => {
    const clock = new Clock();
    class Login extends TimeoutMixin(LineReceiver) {
      override clock = clock;
      override connectionMade(): void {
        this.setTimeout(30);
      }
    }
    const transport = new StringTransport().connect(new Login());
    transport.switchProtocol(new Keeper());
    expect(clock.getDelayedCalls()).toEqual([]);
  });
});

test("in the in-memory pump the next protocol gets what was not read yet, without waiting for the queue", () => {
  const before = new Lines();
  const { server, pump } = connectedServerAndClient(() => before, Protocol as new () => Protocol);
  const client = pump.client as Protocol;
  const next = new Keeper();
  server.transport.write(Buffer.alloc(HIGH_WATER + 1));
  for (const line of ["one\n", "two\n"]) {
    client.transport.write(line);
    pump.serverIO.arrive(pump.clientIO.takeOutput());
  }
  server.transport.switchProtocol(next);
  pump.serverIO.catchUp();
  expect(next.received).toBe("two\n");
  pump.flush();
  expect([before.messages, next.received]).toEqual([[], "two\n"]);
});

describe("through wrappers", () => {
  it("the wrapped receiver delivers nothing more, and the next one reads", () => {
    const { wrapper, wrapped, transport } = connect(new WrappingFactory(keepers(Lines)));
    const next = new Keeper();
    transport.congest();
    transport.receive("one\n");
    wrapped.transport.switchProtocol(next);
    transport.drain();
    transport.receive("two\n");
    expect([wrapped.messages, next.received, next.transport]).toEqual([[], "two\n", wrapper]);
  });

  it("nor does it when the transport gets another protocol than the wrapper", () => {
    const lines = new Lines();
    const inner = new ProtocolWrapper(new WrappingFactory(keepers(Lines)), lines);
    const transport = new StringTransport().connect(new ProtocolWrapper(new WrappingFactory(keepers()), inner));
    transport.congest();
    transport.receive("one\n");
    transport.switchProtocol(new Keeper());
    transport.drain();
    expect(lines.messages).toEqual([]);
  });

  it("of shaped writes, too, and reading goes on", () => {
    const clock = new Clock();
    const factory = new ShapedProtocolFactory(keepers(Lines), { getBucketFor: () => new Slow(null, clock) }, clock);
    const { wrapped, transport } = connect(factory);
    wrapped.onMessage = () => wrapped.transport.write(Buffer.alloc(2 * HIGH_WATER));
    transport.receive("one\ntwo\n");
    expect([wrapped.messages, transport.paused]).toEqual([["one"], true]);
    const next = new Keeper();
    wrapped.transport.switchProtocol(next);
    expect(transport.paused).toBe(false);
    for (let i = 0; i < 60; i++) clock.advance(0.1);
    expect([wrapped.messages, next.received]).toEqual([["one"], ""]);
  });
});

class Slow extends Bucket {
  override maxburst: number | null = 4096;
  override rate: number | null = HIGH_WATER;
}

test("over a Duplex the next protocol gets what was not read yet, without waiting for 'drain'", async () => {
  const sent: (() => void)[] = [];
  const duplex = new Duplex({
    highWaterMark: 10,
    read() {},
    write(_chunk, _encoding, done) {
      sent.push(done);
    },
  });
  const lines = new Lines();
  lines.backPressure = true;
  const transport = fromDuplex(duplex, lines);
  lines.onMessage = () => transport.write("a long answer");
  duplex.push("one\ntwo\n");
  await until(() => lines.messages.length > 0);
  duplex.push("three\n");
  await turns(2);
  const next = new Keeper();
  transport.switchProtocol(next);
  await until(() => next.received !== "");
  for (const done of sent.splice(0)) done();
  await turns(2);
  expect([lines.messages, next.received]).toEqual([["one"], "three\n"]);
  duplex.destroy();
});

forEachReactor((make) => {
  /** Has answered with more than the kernels buffer, to a peer that does not read. */
  async function heldBack(): Promise<{ peer: Peer; lines: Lines }> {
    const { port, next } = serve(make(), () => {
      const lines = new Lines();
      lines.onMessage = () => lines.transport.write(Buffer.alloc(32 * 1024 * 1024, "a"));
      return lines;
    });
    const peer = await Peer.connect(port, { reading: false });
    peer.write("login\nheld back\n");
    const lines = await next();
    await until(() => lines.messages.length > 0);
    await turns(3);
    peer.write("unread");
    await turns(3);
    expect(lines.messages).toEqual(["login"]);
    return { peer, lines };
  }

  test("the next protocol reads at once, and the one before acts no more", async () => {
    const { peer, lines } = await heldBack();
    const next = new Recorder();
    lines.transport.switchProtocol(next);
    await next.arrived.reaches("unread".length);
    next.transport.write("for the new owner");
    next.transport.loseConnection();
    peer.read();
    const text = await peer.rest();
    expect(lines.messages).toEqual(["login"]);
    expect([next.text, text.slice(32 * 1024 * 1024)]).toEqual(["unread", "for the new owner"]);
  });

  test("so it is of connectionOver()", async () => {
    const { peer, lines } = await heldBack();
    const connection = connectionOver(lines.transport);
    expect(String(await connection.read())).toBe("unread");
    connection.unread(lines.clearLineBuffer());
    expect(String(await connection.read())).toBe("held back\n");
    peer.read();
    await connection.close();
    expect(lines.messages).toEqual(["login"]);
  });
});
