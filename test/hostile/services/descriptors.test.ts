/** Clients that take every descriptor that a service may have. */
import { describe, expect, it, onTestFinished } from "vitest";
import { SERVICES } from "../../../src/cli/services.ts";
import { Horde } from "./attackers.ts";
import { ANSWER_MS, Honest, relayTarget, Service } from "./service.ts";

const DESCRIPTORS = 160;
/** Open at some moment of the flood. A service that answers and ends holds its clients for some seconds only. */
const HELD = DESCRIPTORS / 2;
const AGAIN_MS = 1000;

describe.each([...SERVICES.keys()])("%s", (name) => {
  it("answers again once descriptors are free", async () => {
    const target = await relayTarget();
    const args = name === "portforward" ? ["--to", `127.0.0.1:${target.port}`] : [];
    const service = await Service.start(name, { args, descriptorLimit: DESCRIPTORS });
    const before = new Honest(service, target);
    await before.exchanges(1);
    before.stop();
    const rest = service.descriptors;
    const horde = new Horde();
    // Those beyond what it may have are not accepted: nobody waits for them. They do not read, so that they stay connected to
    // a service that has answered and ended, and more come until the moment is seen.
    void horde.connectMany(400, service.port, 8, false);
    const flood = setInterval(() => void horde.connectMany(100, service.port, 8, false), AGAIN_MS);
    onTestFinished(() => clearInterval(flood));
    await service.descriptorsReach(HELD);
    clearInterval(flood);
    await horde.release();
    // A relay that has a descriptor for its client and none for its target ends the client: not before they are free.
    await service.recovered(rest);
    const honest = new Honest(service, target);
    expect(await honest.exchanges(3)).toBeLessThan(ANSWER_MS);
    honest.stop();
    await service.recovered(rest);
  });
});
