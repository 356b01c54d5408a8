/** ident, with Twisted on the other side, and with the kernel. */
import { userInfo } from "node:os";
import { expect, it } from "vitest";
import { connectProtocol } from "../../src/internet/endpoints/connectprotocol.ts";
import { TCP4ClientEndpoint } from "../../src/internet/endpoints/tcp.ts";
import {
  HiddenUser,
  IdentClient,
  type Identity,
  IdentServer,
  InvalidPort,
  NoUser,
  ProcIdentServer,
} from "../../src/protocols/ident.ts";
import { building, listen, python, testReactor } from "../helpers/interop.ts";

const reactor = testReactor();

function withClock<P extends IdentClient | IdentServer>(protocol: P): P {
  protocol.clock = reactor();
  return protocol;
}

function client(port: number): PromiseLike<IdentClient> {
  return connectProtocol(new TCP4ClientEndpoint(reactor(), "127.0.0.1", port), withClock(new IdentClient()));
}

it("our client queries Twisted's server", async () => {
  const server = python("ident.py");
  const ident = await client(Number((await server.until(/listening on (\d+)/))[1]));
  const answers = [ident.lookup(6193, 23), ident.lookup(1, 5), ident.lookup(2, 5), ident.lookup(5, 0)];
  expect(await answers[0]).toEqual(["UNIX", "user6193-23"]);
  await expect(answers[1]).rejects.toThrow(NoUser);
  await expect(answers[2]).rejects.toThrow(HiddenUser);
  await expect(answers[3]).rejects.toThrow(InvalidPort);
});

it("Twisted's client queries our server", async () => {
  class Server extends IdentServer {
    override lookup(server: { port: number }): Identity {
      if (server.port === 1) throw new NoUser();
      return ["UNIX", "stjohns"];
    }
  }
  const port = listen(
    reactor(),
    building(() => withClock(new Server())),
  );
  const peer = python("ident.py", port);
  await peer.until(/answer: \('USERID', 'UNIX : stjohns'\)\nanswer: NoUser\nanswer: InvalidPort\n/);
});

it.runIf(process.platform === "linux")("our server names the owner of a real connection", async () => {
  const port = listen(
    reactor(),
    building(() => withClock(new ProcIdentServer())),
  );
  const ident = await client(port);
  // The connection asks for itself.
  const answer = ident.lookup(ident.transport.getPeer().port, ident.transport.getHost().port);
  expect(await answer).toEqual(["UNIX", userInfo().username]);
});
