import { constants } from "node:os";
import { expect, it } from "vitest";
import type { EngineLink } from "../../src/internet/engine/link.ts";
import { Factory, Protocol } from "../../src/internet/protocol.ts";
import { TcpPort } from "../../src/internet/stream/port.ts";
import { REFUSALS_SECONDS } from "../../src/logger/refusals.ts";
import { collectLog } from "../helpers/log.ts";

const log = collectLog();

it("a port logs its shortages once a minute at most, with the number of the others", () => {
  let now = 1000;
  const loop = { seconds: () => now, later: () => ({}), cancelLater: () => undefined };
  const link = { loop, native: {} } as unknown as EngineLink;
  const keeper = { ports: new Set<TcpPort>(), ending: false };
  const port = new TcpPort(keeper, link, 1234, Factory.forProtocol(Protocol), { interface: "192.0.2.1" });
  for (let episode = 0; episode < 5; episode++) {
    port.starved(constants.errno.EMFILE, true);
    port.starved(constants.errno.EMFILE, false); // it tries again, and there is none still
  }
  now += REFUSALS_SECONDS;
  port.starved(constants.errno.ENFILE, true);
  expect(log()).toEqual([
    expect.stringMatching(/^Port 192\.0\.2\.1:1234 cannot accept: .*\(EMFILE\)\. .*ulimit -n\) to hold more\.$/),
    expect.stringMatching(/cannot accept: .*\(ENFILE\).* \(4 more like it since the last such line\)$/),
  ]);
});
