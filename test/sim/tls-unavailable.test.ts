/** Without the addon there is no TLS in the simulation, and everything else is. */
import { expect, test, vi } from "vitest";
import { TLSNotAvailableError } from "../../src/entries/ssl.ts";
import { NativeLoadError } from "../../src/internet/error.ts";
import { Recorder, Server } from "../helpers/recorder.ts";
import { clientOptions, serverOptions } from "../helpers/tls-options.ts";
import { dialSSL } from "./tls-world.ts";
import { PORT, pair, world } from "./world.ts";

vi.mock("../../src/native.ts", async (original) => ({
  ...(await original<object>()),
  loadNative() {
    throw new NativeLoadError("There is no addon for this machine.");
  },
}));

test("without the addon TLS is refused with the reason, and plain connections work", async () => {
  const w = world();
  const listening = () => w.server.reactor.listenSSL(PORT, new Server(() => new Recorder()), serverOptions());
  expect(listening).toThrow(TLSNotAvailableError);
  expect(listening).toThrow(/There is no addon for this machine/);
  expect(() => dialSSL(w, new Recorder(), clientOptions())).toThrow(TLSNotAvailableError);
  const [client, server] = await pair(w, new Recorder(), new Recorder());
  client.transport.write("plain");
  await w.sim.until(server.arrived.reaches(5));
});
