/** `skein serve` over TLS. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Duplex } from "node:stream";
import * as tls from "node:tls";
import { afterAll, expect, it, onTestFinished } from "vitest";
import { KeyPair } from "../../src/entries/ssl.ts";
import { Program } from "../helpers/program.ts";

const skein = (args: readonly string[]) => Program.node("dist/cli/main.js", args);

const folder = mkdtempSync(join(tmpdir(), "skein-cli-tls-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, contents: string | Uint8Array) => {
  writeFileSync(join(folder, name), contents);
  return join(folder, name);
};
const own = KeyPair.generate().selfSignedCert({ commonName: "localhost" }, { subjectAltNames: ["localhost"] });
const pem = file("server.pem", `${own.privateKey.dump("PEM")}${own.dumpPEM()}`);
const locked = file("locked.pem", `${own.privateKey.dump("PEM", "open sesame")}${own.dumpPEM()}`);
const secret = file("secret", "open sesame\n");
const other = file("other.pem", KeyPair.generate().selfSignedCert({ commonName: "other" }).dumpPEM());

async function serving(...args: string[]): Promise<{ program: Program; ports: number[] }> {
  const program = skein(["serve", "echo", ...args]);
  const ports: number[] = [];
  const listens = args.filter((arg) => arg === "--listen").length;
  while (ports.length < listens) {
    ports.push(Number((await program.until(/^skein: \w+ on \S+:(\d+) \(\w+ reactor\); press Ctrl-C to stop\n/m))[1]));
  }
  return { program, ports };
}

/** What comes back when `said` is sent over TLS; `socket`: over this connection. */
async function echoed(port: number, said: string, socket?: Duplex): Promise<string> {
  const where = socket === undefined ? { port, host: "127.0.0.1" } : { socket };
  const secure = tls.connect({ ...where, servername: "localhost", ca: own.dumpPEM() });
  onTestFinished(() => void secure.destroy());
  let answer = "";
  secure.on("data", (data) => {
    answer += data;
    if (answer.length === said.length) secure.end();
  });
  secure.write(said);
  await once(secure, "close");
  return answer;
}

it("serves TLS on several endpoints beside TCP", async () => {
  const { program, ports } = await serving(
    ...["--listen", `ssl:0:privateKey=${pem}`, "--listen", "tcp:0"],
    ...["--listen", `ssl:0:privateKey=${locked}:passphraseFile=${secret}`],
  );
  expect(await echoed(ports[0]!, "one")).toBe("one");
  expect(await echoed(ports[2]!, "two")).toBe("two");
  program.interrupt();
  expect(await program.exited).toEqual({ code: 0, signal: null });
});

/** What is written through it is sent with a header in one piece the first time. */
function behindHeader(port: number, header: string): Duplex {
  const socket = net.connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let before = Buffer.from(header);
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      socket.write(Buffer.concat([before, chunk]), () => done());
      before = Buffer.alloc(0);
    },
    final: (done) => void socket.end(() => done()),
  });
  socket.on("data", (data) => duplex.push(data)).on("end", () => duplex.push(null));
  socket.on("error", (error) => duplex.destroy(error));
  return duplex;
}

it.each(["", "and the hello"])(
  "serves TLS behind a PROXY header that comes in plaintext before it %s",
  async (whole) => {
    const { ports } = await serving(
      "--listen",
      `haproxy:trusted=127.0.0.1:ssl:0:privateKey=${pem}`,
      "--max-per-peer",
      "1",
    );
    const header = "PROXY TCP4 192.0.2.1 192.0.2.9 1 2\r\n";
    if (whole === "") {
      const socket = net.connect(ports[0]!, "127.0.0.1");
      socket.write(header);
      expect(await echoed(ports[0]!, "hello", socket)).toBe("hello");
    } else {
      expect(await echoed(ports[0]!, "hello", behindHeader(ports[0]!, header))).toBe("hello");
    }
  },
);

it("makes a certificate for a first try, says its fingerprint, and how to connect", async () => {
  const { program, ports } = await serving("--listen", "ssl:0", "--self-signed");
  const [, said] = await program.until(/SHA-256 fingerprint is ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$/m);
  expect(program.stdout).toContain("Nobody should trust it");
  const [, pin] = await program.until(/--pinnedpubkey "(sha256\/\/\S+)"/);
  expect(program.stdout).toContain(`openssl s_client -quiet -connect 127.0.0.1:${ports[0]}`);
  const secure = tls.connect({ port: ports[0]!, host: "127.0.0.1", rejectUnauthorized: false });
  onTestFinished(() => void secure.destroy());
  await once(secure, "secureConnect");
  const shown = secure.getPeerX509Certificate()!;
  expect(shown.fingerprint256).toBe(said);
  expect([shown.checkHost("localhost"), shown.checkIP("127.0.0.1"), shown.checkIP("::1")]).not.toContain(undefined);
  // The pin is checked although the certificate is not.
  const curl = (key: string) =>
    execFileSync(
      "curl",
      ["-sk", "--http0.9", "--max-time", "20", "--pinnedpubkey", key, `https://127.0.0.1:${ports[0]}/`, "-r", "0-3"],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
  expect(() => curl(pin!.replace(/.....=$/, "AAAA="))).toThrow(expect.objectContaining({ status: 90 }));
});

it.each([
  [
    ["--listen", "ssl:0:privateKey=/nowhere/server.pem"],
    'privateKey "/nowhere/server.pem" cannot be read',
    "--self-signed",
  ],
  [
    ["--listen", `ssl:0:privateKey=${dirname(pem)}`],
    "cannot be read: illegal operation on a directory",
    "--self-signed",
  ],
  [["--listen", `ssl:0:privateKey=${other}`], "The private key cannot be read", "privateKey=server.pem"],
  [["--listen", `ssl:0:privateKey=${locked}`], "is encrypted: pass its passphrase", "privateKey=server.pem"],
  [["--listen", `ssl:0:privateKey=${locked}:passphraseFile=${pem}`], "with this passphrase", "privateKey=server.pem"],
  [["--listen", `ssl:0:privateKey=${pem}:certKey=${other}`], "The private key is not the certificate's", "privateKey="],
  [
    ["--listen", `haproxy:trusted=any:ssl:0:privateKey=/nowhere`],
    'privateKey "/nowhere" cannot be read',
    "--self-signed",
  ],
  [
    ["--listen", "tcp:0", "--self-signed"],
    "--self-signed is for an ssl: endpoint",
    "Try: --listen ssl:8443 --self-signed",
  ],
  [
    ["--listen", `ssl:0:privateKey=${pem}`, "--self-signed"],
    "--self-signed is for an ssl: endpoint",
    "Try: --listen ssl:8443",
  ],
])("%j is a usage error with a way out", async (args, what, way) => {
  const program = skein(["serve", "echo", ...args]);
  expect(await program.exited).toEqual({ code: 2, signal: null });
  const [first, second, ...rest] = program.stderr.split("\n");
  expect(first).toContain(what);
  expect(second).toContain(way);
  expect(rest).toEqual([""]);
  expect(program.stderr).not.toContain("sesame");
});

it("loads nothing of TLS without it", () => {
  const dist = join(import.meta.dirname, "../../dist");
  const loaded = new Map<string, string>();
  const load = (path: string): void => {
    if (loaded.has(path)) return;
    const text = readFileSync(path, "utf8");
    loaded.set(path, text);
    for (const [, to] of text.matchAll(/^(?:import|export) [^;]*?"(\.[^"]+)";$/gm)) load(join(dirname(path), to!));
  };
  const hasTLS = () => [...loaded.values()].some((text) => /^(export )?class CertificateOptions\b/m.test(text));
  load(join(dist, "cli/command.js"));
  load(join(dist, "internet/reactor/reactor.js")); // what serve() imports later
  expect(hasTLS()).toBe(false);
  load(join(dist, "internet/endpoints/ssl.js")); // and what it imports for ssl:
  expect(hasTLS()).toBe(true);
});
