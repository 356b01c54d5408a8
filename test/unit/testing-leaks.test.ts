import { describe, expect, it } from "vitest";
import { Clock, connectedServerAndClient, MemoryReactorClock, StringTransport } from "../../src/entries/testing.ts";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { beginWatching } from "../../src/testing/leaks.ts";

describe("who watches for leaks", () => {
  it("is told of each kind what is left, and at what line of the test that was made", () => {
    const end = beginWatching();
    new Clock().callLater(7, () => undefined);
    new StringTransport().connect(new Protocol());
    new MemoryReactorClock().listenTCP(70, Factory.forProtocol(Protocol));
    const left = end();
    const here = String.raw`at .*testing-leaks\.test\.ts:\d+:\d+\)?`;
    expect(left("timers")).toEqual([
      expect.stringMatching(new RegExp(`^a call of a Clock is still to come, at 7 \\(the Clock was made ${here}\\)$`)),
    ]);
    expect(left("transports")).toEqual([
      expect.stringMatching(
        new RegExp(`^the connection of a Protocol is still open \\(the StringTransport was made ${here}\\)$`),
      ),
      expect.stringMatching(new RegExp(`^a Factory still listens on port 70 \\(the MemoryPort was made ${here}\\)$`)),
    ]);
  });

  it("is told where a test called what made a transport inside this package", () => {
    const end = beginWatching();
    connectedServerAndClient(Protocol, Protocol);
    const lines = end()("transports");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/the FakeTransport was made at .*testing-leaks\.test\.ts/);
  });

  it("is told so as well when stacks are too short", () => {
    const limit = Error.stackTraceLimit;
    const end = beginWatching();
    Error.stackTraceLimit = 1;
    new Clock().callLater(7, () => undefined);
    Error.stackTraceLimit = limit;
    expect(end()("timers")).toEqual([expect.stringMatching(/deeper than stacks are kept\)$/)]);
  });

  it("is told nothing of what was made before or after, or of what was cleaned up", () => {
    const before = new Clock();
    const end = beginWatching();
    before.callLater(1, () => undefined);
    new Clock().callLater(1, () => undefined).cancel();
    const left = end();
    new Clock().callLater(1, () => undefined);
    expect(left("timers")).toEqual([]);
  });
});
