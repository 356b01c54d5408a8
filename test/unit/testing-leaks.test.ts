import { describe, expect, it } from "vitest";
import { Clock, connectedServerAndClient, MemoryReactorClock, StringTransport } from "../../src/entries/testing.ts";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { beginWatching } from "../../src/testing/leaks.ts";

describe("a leak check", () => {
  it("reports each kind of leak, with the line of the test that created the object", () => {
    const end = beginWatching();
    new Clock().callLater(7, () => undefined);
    new StringTransport().connect(new Protocol());
    new MemoryReactorClock().listenTCP(70, Factory.forProtocol(Protocol));
    const left = end();
    const here = String.raw`at .*testing-leaks\.test\.ts:\d+:\d+\)?`;
    expect(left("timers")).toEqual([
      expect.stringMatching(
        new RegExp(`^a delayed call of a Clock is still pending, at 7 \\(the Clock was created ${here}\\)$`),
      ),
    ]);
    expect(left("transports")).toEqual([
      expect.stringMatching(
        new RegExp(`^the connection of a Protocol is still open \\(the StringTransport was created ${here}\\)$`),
      ),
      expect.stringMatching(
        new RegExp(`^a Factory is still listening on port 70 \\(the MemoryPort was created ${here}\\)$`),
      ),
    ]);
  });

  it("reports the line of the test for a transport created inside this package", () => {
    const end = beginWatching();
    connectedServerAndClient(Protocol, Protocol);
    const lines = end()("transports");
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(line).toMatch(/the FakeTransport was created at .*testing-leaks\.test\.ts/);
  });

  it("says so when the stack does not reach the test", () => {
    const limit = Error.stackTraceLimit;
    const end = beginWatching();
    Error.stackTraceLimit = 1;
    new Clock().callLater(7, () => undefined);
    Error.stackTraceLimit = limit;
    expect(end()("timers")).toEqual([expect.stringMatching(/the stack is too deep\)$/)]);
  });

  it("reports nothing that was created before or after, or that was cleaned up", () => {
    const before = new Clock();
    const end = beginWatching();
    before.callLater(1, () => undefined);
    new Clock().callLater(1, () => undefined).cancel();
    const left = end();
    new Clock().callLater(1, () => undefined);
    expect(left("timers")).toEqual([]);
  });
});
