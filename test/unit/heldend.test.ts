/** The peer's FIN that comes while a connection is paused: told after the bytes before it, whatever ends meanwhile. */
import { expect, test } from "vitest";
import { IPv4Address } from "../../src/internet/address.ts";
import { NodeLoop } from "../../src/internet/reactor/loop.ts";
import { type ConnectionOwner, TcpConnection } from "../../src/internet/stream/connection.ts";
import type { NativeEngine } from "../../src/native.ts";
import { HalfRecorder } from "../helpers/recorder.ts";

/** A connection over an engine that does nothing: the test tells what the engine reports, and makes the calls of soon(). */
function connected(protocol: HalfRecorder): { connection: TcpConnection; asked: string[]; runSoon: () => void } {
  const asked: string[] = [];
  const engine = new Proxy({} as NativeEngine, { get: (_, name) => () => asked.push(String(name)) });
  const calls: (() => void)[] = [];
  const owner: ConnectionOwner = {
    accepts: true,
    connectionLost: () => undefined,
    soon: (f) => calls.push(f),
    probeLater: () => undefined,
    loop: new NodeLoop(),
  };
  const address = new IPv4Address("TCP", "127.0.0.1", 1);
  const connection = new TcpConnection(engine, 1, address, address, owner);
  connection.begin(protocol);
  const runSoon = (): void => {
    for (const f of calls.splice(0)) f();
  };
  return { connection, asked, runSoon };
}

test("is told on resume, after the bytes, though our FIN was sent meanwhile", () => {
  const protocol = new HalfRecorder();
  const { connection, asked, runSoon } = connected(protocol);
  connection.pauseProducing();
  connection.received(Buffer.from("the last bytes"), false);
  connection.readEnded();
  connection.loseWriteConnection();
  connection.writeEnded();
  expect([connection.peerHasEnded, connection.disconnecting]).toEqual([true, false]);
  connection.resumeProducing();
  runSoon();
  expect(protocol.text).toBe("the last bytes");
  expect(protocol.calls).toEqual(["connectionMade", "writeConnectionLost", "dataReceived", "readConnectionLost"]);
  expect(asked.at(-1)).toBe("close");
});

test("is told to the protocol that was switched to while paused, though our FIN was sent meanwhile", () => {
  const { connection, runSoon } = connected(new HalfRecorder());
  connection.readEnded();
  const next = new HalfRecorder();
  connection.switchProtocol(next);
  connection.pauseProducing();
  runSoon();
  connection.loseWriteConnection();
  connection.writeEnded();
  connection.resumeProducing();
  runSoon();
  expect(next.calls).toEqual(["connectionMade", "writeConnectionLost", "readConnectionLost"]);
});
