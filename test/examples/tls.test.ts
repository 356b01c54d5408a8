/** The examples of TLS: those of the source documents, and Twisted's own. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { Program } from "../helpers/program.ts";

const example = (name: string, ...args: (string | number)[]) => Program.node(`examples/${name}.js`, args.map(String));
const CLEAN = { code: 0, signal: null };

let folder: string;
const file = (name: string) => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "skein-tls-examples-"));
  const said = execFileSync(process.execPath, ["examples/tls-certificates.js", folder], { encoding: "utf8" });
  expect(said).toBe("Made ca.pem, server.pem and client.pem.\n");
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Start a server; resolves to it and its port. */
async function served(name: string, what: string): Promise<{ program: Program; port: number }> {
  const program = example(name, 0, what);
  const [, port] = await program.until(/^\w+ on \S+:(\d+)\. Press Ctrl-C to stop\.$/m);
  return { program, port: Number(port) };
}

async function ends(program: Program): Promise<void> {
  program.interrupt();
  expect(await program.exited).toEqual(CLEAN);
}

it("tls-line-server.js greets over TLS and repeats every line", async () => {
  const { program, port } = await served("tls-line-server", file("server.pem"));
  const socket = connect({ port, host: "localhost", ca: readFileSync(file("ca.pem")) });
  onTestFinished(() => void socket.destroy());
  let said = "";
  socket.on("data", (data) => {
    said += data;
    if (said.endsWith("server.\r\n")) socket.end("one\r\n");
  });
  await once(socket, "close");
  expect(said).toBe("Hello, I'm an SSL server.\r\nYou said: one\r\n");
  await ends(program);
});

it("tls-line-server.js says that its file is missing", async () => {
  const program = example("tls-line-server", 0, file("nothing.pem"));
  expect((await program.exited).code).toBe(1);
  expect(program.stderr).toMatch(/ENOENT.*nothing\.pem/);
});

it("starttls-client.js turns a connection to starttls-server.js to TLS", async () => {
  const { program, port } = await served("starttls-server", file("server.pem"));
  const client = example("starttls-client", port, file("ca.pem"));
  expect(await client.exited).toEqual(CLEAN);
  expect(client.stdout).toBe("received: READY\nThe connection was closed cleanly.\n");
  await program.until(/received: plain text\nreceived: STARTTLS\nencrypted from here on\nreceived: secure text\n/);
  await ends(program);
});

it("ssl-clientauth-server.js serves who has a certificate, by name", async () => {
  const { program, port } = await served("ssl-clientauth-server", folder);
  const client = example("ssl-clientauth-client", port, folder);
  expect(await client.exited).toEqual(CLEAN);
  expect(client.stdout).toBe("The server is localhost.\nHello, ada.\nThe connection was closed cleanly.\n");
  await program.until(/^ada is here\.$/m);
  const stranger = connect({ port, host: "localhost", ca: readFileSync(file("ca.pem")) });
  onTestFinished(() => void stranger.destroy());
  expect((await once(stranger, "error").catch((error: unknown) => [error]))[0]).toMatchObject({
    code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
  });
  await program.until(/the client has sent no certificate/);
  await ends(program);
});

it.each([
  [["http/1.1", "h2"], "agreed on h2\nThe connection was closed cleanly.\n"],
  [["http/1.1"], "agreed on http/1.1\nThe connection was closed cleanly.\n"],
  [["imap"], /alert no_application_protocol/],
])("tls-alpn-client.js that asks for %j", async (protocols, output) => {
  const { program, port } = await served("tls-alpn-server", file("server.pem"));
  const client = example("tls-alpn-client", port, file("ca.pem"), ...protocols);
  expect(await client.exited).toEqual(CLEAN);
  expect(client.stdout).toMatch(output instanceof RegExp ? output : new RegExp(`^${output}$`));
  await ends(program);
});
