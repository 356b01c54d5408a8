/** finger, with Twisted on the other side. */
import { expect, it } from "vitest";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import { Finger, finger } from "../../src/protocols/finger.ts";
import { building, listen, python, testReactor } from "../helpers/interop.ts";

const reactor = testReactor();

it("our client queries Twisted's server", async () => {
  const server = python("finger.py");
  const port = Number((await server.until(/listening on (\d+)/))[1]);
  const endpoint = new TCP4ClientEndpoint(reactor(), "127.0.0.1", port);
  const ask = (query: string, slashW = false) => finger(endpoint, query, { slashW, clock: reactor() });
  expect(String(await ask("joe"))).toBe("user joe 0\n");
  expect(String(await ask("joe", true))).toBe("user joe 1\n");
  expect(String(await ask(""))).toBe("everybody 0\n");
  expect(String(await ask("joe@elsewhere"))).toBe("Finger forwarding service denied\n");
});

it("Twisted's client queries our server", async () => {
  class Telling extends Finger {
    override getUser(slashW: boolean, user: string): string {
      return `user ${user} ${slashW}\r\n`;
    }
  }
  const port = listen(
    reactor(),
    building(() => new Telling()),
  );
  await python("finger.py", port).until(/^b'user joe true\\r\\n'$/m);
});
