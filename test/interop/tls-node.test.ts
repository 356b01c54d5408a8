/** TLS with the newest Node at the other end, in a process of its own. */
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { nodeProgram, wholeVersion } from "../../scripts/nodes.mjs";
import { optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { testReactor } from "../helpers/interop.ts";
import { certify, rootAuthority } from "../helpers/pki.ts";
import { Program } from "../helpers/program.ts";
import { dialTLS, SecureEcho, SecureRecorder, serveTLS } from "../helpers/tls.ts";

const reactor = testReactor();
const root = rootAuthority();
const ours = certify(root, ["localhost"], { subject: { commonName: "ours" } });
const theirs = certify(root, ["localhost"], { subject: { commonName: "theirs" } });

/** OpenSSL has the hybrid group since 3.5. */
const [major, minor] = process.versions.openssl.split(".").map(Number) as [number, number];
const GROUP = major > 3 || minor >= 5 ? "X25519MLKEM768" : "x25519";

function node(what: string, port = 0): Program {
  const script = fileURLToPath(new URL("peers/tlsnode.mjs", import.meta.url));
  const program = new Program(nodeProgram(wholeVersion("26")), [script, what, String(port)]);
  const pem = { ca: root.dumpPEM(), cert: theirs.dumpPEM(), key: String(theirs.privateKey.dump("PEM")) };
  program.type(JSON.stringify(pem));
  program.end();
  return program;
}

it("our server speaks TLS with a client of Node", async () => {
  const options = { certificate: ours, trustRoot: root, acceptableProtocols: ["echo"] };
  const { port, next } = serveTLS(reactor(), options, () => new SecureEcho());
  const peer = node("client", port);
  await peer.until(/TLSv1\.3 echo \S+ ours\ngot hello\n/);
  expect(await (await next()).shaken.promise).toMatchObject({
    protocol: "echo",
    group: GROUP,
    serverName: "localhost",
  });
  expect(await peer.exited).toEqual({ code: 0, signal: null });
});

it("our client speaks TLS with a server of Node", async () => {
  const peer = node("server");
  const port = Number((await peer.until(/listening on (\d+)/))[1]);
  const options = optionsForClientTLS("localhost", {
    trustRoot: root,
    clientCertificate: ours,
    acceptableProtocols: ["other", "echo"],
  });
  const client = await dialTLS(reactor(), port, options, new SecureRecorder());
  client.transport.write("there and back");
  await client.arrived.reaches(14);
  expect(client.text).toBe("there and back");
  expect(await client.shaken.promise).toMatchObject({ version: "TLSv1.3", protocol: "echo", group: GROUP });
  await peer.until(/TLSv1\.3 echo ours/);
});
