import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { Program } from "../helpers/program.ts";

/** Passes standard input on to a socket, and what comes from there to standard output, until the peer closes. */
const PYTHON_CLIENT = `
import socket, sys, threading
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
def send():
    for line in sys.stdin.buffer:
        peer.sendall(line)
threading.Thread(target=send, daemon=True).start()
while True:
    data = peer.recv(4096)
    if not data:
        break
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
`;

type MakeClient = (port: string) => Program;
const nc: MakeClient = (port) => new Program("nc", ["127.0.0.1", port]);
const python: MakeClient = (port) => new Program("python3", ["-c", PYTHON_CLIENT, port]);

const hasNc = spawnSync("nc", ["-h"]).error === undefined;

async function holdAChat(makers: readonly [MakeClient, MakeClient, MakeClient]): Promise<void> {
  const server = Program.node("dist/cli/main.js", ["serve", "chat", "--listen", "tcp:0:interface=127.0.0.1"]);
  const port = (await server.until(/chat on 127\.0\.0\.1:(\d+) /))[1]!;
  const [alice, bob, carol] = [makers[0](port), makers[1](port), makers[2](port)];

  await alice.until(/What is your name\?\r\n/);
  alice.type("alice\n");
  await alice.until(/Hello, alice\..*Here is: alice\r\n/s);

  await bob.until(/What is your name\?\r\n/);
  bob.type("Alice\n");
  await bob.until(/There is a Alice here already\. What is your name\?\r\n/);
  bob.type("bob\n");
  await bob.until(/Here are: alice, bob\r\n/);
  await alice.until(/\*\*\* bob joined\.\r\n/);

  await carol.until(/What is your name\?\r\n/);
  carol.type("carol\n");
  await Promise.all([alice, bob].map((client) => client.until(/\*\*\* carol joined\.\r\n/)));

  alice.type("grüß euch\n");
  await Promise.all([bob, carol].map((client) => client.until(/^<alice> grüß euch\r\n/m)));
  carol.type("/me waves\n");
  await Promise.all([alice, bob].map((client) => client.until(/^\* carol waves\r\n/m)));
  bob.type("hi all\n");
  await Promise.all([alice, carol].map((client) => client.until(/^<bob> hi all\r\n/m)));

  server.interrupt();
  await Promise.all([alice, bob, carol].map((client) => client.until(/^\*\*\* The server is going down\.\r\n/m)));
  expect(await server.exited).toEqual({ code: 0, signal: null });
  expect(alice.stdout).not.toContain("<alice>");
}

it.runIf(hasNc)("two nc and one Python client hold a chat, and all are told when Ctrl-C ends it", () =>
  holdAChat([nc, nc, python]),
);

it("three Python clients chat, and all are notified when Ctrl-C ends the server", () =>
  holdAChat([python, python, python]));
