/** The examples of README.md and the guides run against the built package and do what the pages say. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import ts from "typescript";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { MemoryReactor } from "../../src/entries/testing.ts";
import { InvalidEndpointError } from "../../src/internet/endpoints/description.ts";
import { clientFromString, serverFromString } from "../../src/internet/endpoints/registry.ts";
import { makeCertificate } from "../helpers/certificate.ts";
import { freePort } from "../helpers/freeport.ts";
import { Conversation, Program } from "../helpers/program.ts";
import { type Example, example, examplesOf, folder, javascript, PAGES } from "./examples.ts";

const CLEAN = { code: 0, signal: null };
const guide = (name: string, words: string) => example(`docs/guide/${name}.md`, words);
const { key, cert } = makeCertificate();

/** What the examples are written to. */
const place = folder("run");
afterAll(() => rmSync(place, { recursive: true }));
let count = 0;

/** Write an example down, with some of its text replaced. Returns its path. */
function written(
  from: Example,
  name = `example${count++}.mjs`,
  replaced: Readonly<Record<string, string>> = {},
): string {
  let text = javascript(from);
  for (const [old, other] of Object.entries(replaced)) {
    if (!text.includes(old)) throw new Error(`There is no ${old} in the example of ${from.page}, line ${from.line}.`);
    text = text.replaceAll(old, other);
  }
  const path = join(place, name);
  writeFileSync(path, text);
  return path;
}

const started = (from: Example, replaced?: Readonly<Record<string, string>>, env?: NodeJS.ProcessEnv) =>
  Program.node(written(from, undefined, replaced), [], env);

/** What it prints when it ends well by itself. */
async function printed(from: Example, replaced?: Readonly<Record<string, string>>, env?: NodeJS.ProcessEnv) {
  const program = started(from, replaced, env);
  expect({ ...(await program.exited), complaints: program.stderr }).toEqual({ ...CLEAN, complaints: "" });
  return program.stdout;
}

/** Connect to a program that does not tell when it listens, as soon as it does. */
async function dialled(program: Program, port: number): Promise<Conversation> {
  let over = false;
  program.exited.finally(() => {
    over = true;
  });
  while (!over) {
    const conversation = await Conversation.with(port).catch(() => null);
    if (conversation !== null) return conversation;
  }
  throw new Error(`It ended before it listened:\n${program.stderr}`);
}

async function ends(program: Program): Promise<void> {
  program.interrupt();
  expect(await program.exited).toEqual(CLEAN);
}

/** What README.md asks for, and stricter. */
const OPTIONS: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  noImplicitOverride: true,
  skipLibCheck: true,
  noEmit: true,
};

describe("types and names", () => {
  const whole = PAGES.flatMap(examplesOf).filter(({ text }) => /^(\/\/.*\n)*import /.test(text));
  const place = folder("types");
  afterAll(() => rmSync(place, { recursive: true }));
  const files = new Map(
    whole.map((from, i) => {
      const file = join(place, `example${i}.m${from.language}`);
      writeFileSync(file, from.text);
      return [file, from] as const;
    }),
  );
  const program = ts.createProgram([...files.keys()], { ...OPTIONS, allowJs: true, checkJs: true });
  /** What is wrong with JavaScript, too: a name or a module that is not there. */
  const MISSING = [2304, 2305, 2307, 2552, 2724];
  const OWN = /'\.\/[\w-]+\.js'/;

  it.each([...files].map(([file, from]) => ({ file, ...from })))(
    "$page:$line has the names and types that the package has",
    ({ file, page, line, language }) => {
      const wrong = ts
        .getPreEmitDiagnostics(program, program.getSourceFile(file))
        .filter(({ code }) => language === "ts" || MISSING.includes(code))
        .map(({ code, start = 0, file: source, messageText }) => {
          const at = source?.getLineAndCharacterOfPosition(start).line ?? 0;
          return `${page}:${line + at}: TS${code} ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
        })
        .filter((message) => !(message.includes("TS2307") && OWN.test(message)));
      expect(wrong).toEqual([]);
    },
  );
});

describe("README.md on TypeScript", () => {
  const file = join(folder("commonjs"), "server.cts");
  writeFileSync(file, 'import { reactor } from "skein/reactor";\nvoid reactor.run();\n');
  afterAll(() => rmSync(dirname(file), { recursive: true }));

  it.each([
    ["Node16", [1479]],
    ["Node18", [1479]],
    ["Node20", []],
    ["NodeNext", []],
  ] as const)("a CommonJS file with module %s: %j", (module, codes) => {
    const options = { ...OPTIONS, module: ts.ModuleKind[module] };
    const wrong = ts.getPreEmitDiagnostics(ts.createProgram([file], options));
    expect(wrong.map(({ code }) => code)).toEqual(codes);
  });
});

describe("README.md", () => {
  it.each([
    ["the class", "class Echo", "hello\r\n", /^hello\r\n/],
    ["the async function", "handle(async", "hello\r\n", /^you said hello\r\n/],
  ])("%s answers", async (_name, words, said, answer) => {
    const port = await freePort();
    const program = started(example("README.md", words), { 1234: String(port) });
    const client = await dialled(program, port);
    client.say(said);
    await client.until(answer);
    await ends(program);
  });
});

describe("README.md, the client", () => {
  it("runs the reactor, then awaits its connection", async () => {
    const port = String(await freePort());
    const server = started(example("README.md", "class Echo"), { 1234: port });
    await dialled(server, Number(port));
    expect(await printed(example("README.md", "const ended"), { 1234: port })).toBe("hello\n");
    await ends(server);
  });
});

describe("deferreds.md", () => {
  it.each([
    ["a chain", "d.callback(41)", "42\n"],
    ["await", "Deferred.fromPromise", "42 true\n"],
    ["a generator", "yield*", "2\n"],
    ["locks and queues", "new DeferredLock", "one at a time\ntrue\njob\n"],
  ])("%s", async (_name, words, output) => {
    expect(await printed(guide("deferreds", words))).toBe(output);
  });
});

describe("differences.md", () => {
  it("protocols run over a UNIX socket and over a process", async () => {
    const socket = join(mkdtempSync(join(tmpdir(), "skein-docs-")), "socket");
    onTestFinished(() => rmSync(dirname(socket), { recursive: true }));
    const said = await printed(example("docs/differences.md", "fromDuplex"), { "/tmp/echo.sock": socket });
    expect(said).toBe("hello\nhello\n");
  });
});

describe("logging.md and tasks.md", () => {
  it("a logger writes to standard error", async () => {
    const program = started(guide("logging", "sold out"));
    expect(await program.exited).toEqual(CLEAN);
    expect(program.stderr).toMatch(/ann ordered 2 of tea\n(.*\n)*.*The order of ann was lost(.*\n)*.*sold out/);
  });

  it("tasks take turns", async () => {
    expect(await printed(guide("tasks", "react("))).toMatch(/^(tick\n){3,}half a second is over\n$/);
  });
});

describe("descriptors.md", () => {
  it("the FIFO is read to its end", async () => {
    const folder = mkdtempSync(join(tmpdir(), "skein-docs-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const fifo = join(folder, "control");
    execFileSync("mkfifo", [fifo]);
    const program = started(guide("descriptors", "class Fifo"), { "/run/control": fifo });
    execFileSync("sh", ["-c", 'echo hello > "$0"', fifo]);
    await program.until(/^hello$/m);
    await ends(program);
  });
});

describe("endpoints.md", () => {
  it("the first example greets its guest", async () => {
    expect(await printed(guide("endpoints", "class Greeter"))).toMatch(
      /^listening on 127\.0\.0\.1:(\d+)\nconnected to 127\.0\.0\.1:\1\nhello, guest 1\n$/,
    );
  });

  it("the classes listen", async () => {
    expect(await printed(guide("endpoints", "new TCP4ServerEndpoint"))).toMatch(/^\d+\n$/);
  });

  it("an address can be quoted", async () => {
    expect(await printed(guide("endpoints", "quoteStringArgument(host)"))).toBe("");
  });

  it("every string of the tables is parsed, and `haproxy:` once its module is imported", async () => {
    const page = readFileSync(new URL("../../docs/guide/endpoints.md", import.meta.url), "utf8");
    const [, servers = "", clients = ""] = /^\| for servers(.*)^\| for clients(.*?)^$/ms.exec(page) ?? [];
    const strings = (table: string) => [...table.matchAll(/`((?:tcp6?|haproxy):[^`]+)`/g)].map((match) => match[1]!);
    const reactor = new MemoryReactor();
    expect(() => serverFromString(reactor, "haproxy:trusted=any:tcp:8080")).toThrow(InvalidEndpointError);
    await import("../../src/protocols/haproxy.ts");
    for (const text of strings(servers)) expect(serverFromString(reactor, text)).toHaveProperty("listen");
    for (const text of strings(clients)) expect(clientFromString(reactor, text)).toHaveProperty("connect");
    expect([strings(servers).length, strings(clients).length]).toEqual([6, 3]);
  });

  it("a ReconnectingClientFactory makes the configured number of attempts", async () => {
    const port = await freePort();
    const said = await printed(guide("endpoints", "class Subscriber "), { '"127.0.0.1", 1,': `"127.0.0.1", ${port},` });
    expect(said.match(/^attempt \d: ConnectionRefusedError/gm)).toHaveLength(3);
  });
});

describe("protocols.md and testing.md", () => {
  const finger = () => written(guide("protocols", "class Finger "), "finger.js");

  it("the service with limits serves as many connections of one peer as it says, and one more is closed", async () => {
    const port = await freePort();
    const limits = guide("protocols", "LimitTotalConnectionsFactory.forProtocol");
    const program = started(limits, { 7777: String(port), "= 64": "= 2" });
    const served = [await dialled(program, port), await Conversation.with(port)];
    for (const client of served) await client.until(/hello/);
    const further = await Conversation.with(port).catch(() => null); // null when it was reset at once
    expect((await further?.closed.catch(() => "")) ?? "").toBe("");
    await ends(program);
  });

  it("the finger server answers and closes", async () => {
    finger();
    const port = await freePort();
    const program = started(guide("protocols", "// server.js"), { 1079: String(port) });
    const client = await dialled(program, port);
    client.say("ann\r\n");
    expect(await client.closed).toBe("at her desk\r\n");
    await ends(program);
  });

  it("every test passes", async () => {
    finger();
    const tests = examplesOf("docs/guide/testing.md").filter(({ text }) => text.includes('from "vitest"'));
    for (const [i, from] of tests.entries()) written(from, `page${i}.test.js`);
    writeFileSync(
      join(place, "vitest.config.mjs"),
      "export default { test: { pool: 'forks', maxWorkers: 1, testTimeout: 120_000 } };\n",
    );
    const vitest = new Program(process.execPath, ["node_modules/vitest/vitest.mjs", "run", "--root", place], {
      NO_COLOR: "1",
    });
    const ended = await vitest.exited;
    expect({ ...ended, said: vitest.stdout + vitest.stderr }).toEqual({ ...CLEAN, said: expect.anything() });
    expect(vitest.stdout).toMatch(/Test Files {2}5 passed \(5\)\n +Tests {2}6 passed \(6\)/);
  });
});

describe("reactors.md", () => {
  const chosen = (words: string): Example => {
    const from = guide("reactors", words);
    return { ...from, text: `${from.text}console.log(reactor.name);\n` };
  };

  it("a reactor that the program installs overrides SKEIN_REACTOR", async () => {
    const other = { SKEIN_REACTOR: "select" };
    expect(await printed(chosen("skein/install/poll"), {}, other)).toBe("poll\n");
    expect(await printed(chosen("skein/uringreactor"), { uringreactor: "pollreactor" }, other)).toBe("poll\n");
  });

  it("SKEIN_REACTOR chooses when the program installs the default", async () => {
    const other = { SKEIN_REACTOR: "select" };
    expect(await printed(chosen("skein/uringreactor"), { uringreactor: "default" }, other)).toBe("select\n");
  });

  it("a second install throws, and so does one after the import of the reactor", async () => {
    for (const first of ["skein/install/poll", "skein/reactor"]) {
      const program = started(chosen("skein/install/poll"), {
        "skein/install/poll": first,
        "console.log": 'import { install } from "skein/default";\ninstall();\nconsole.log',
      });
      expect(await program.exited).toEqual({ code: 1, signal: null });
      expect(program.stderr).toMatch(/Reactor(AlreadyInstalled|InstalledTooLate)Error/);
    }
  });
});

describe("streams.md", () => {
  it("the first example connects to itself", async () => {
    const port = await freePort();
    expect(await printed(guide("streams", "const ended"), { 1234: String(port) })).toBe("you said hello\nbye\n");
  });

  it("a program that awaits a connection before run() ends with exit code 13", async () => {
    const port = String(await freePort());
    const program = started(guide("streams", "const ended"), { 1234: port, "const ended = reactor.run();": "" });
    expect(await program.exited).toEqual({ code: 13, signal: null });
  });

  it("a protocol runs over TLS", async () => {
    const said = await printed(guide("streams", "tls.TLSSocket(duplex,"), {
      4433: String(await freePort()),
      'readFileSync("key.pem")': JSON.stringify(key),
      'readFileSync("cert.pem")': JSON.stringify(cert),
    });
    expect(said).toBe("hello\nConnectionDone\n");
  });

  it("the loss of a TLS connection has the TLS error as its cause", async () => {
    const program = started(guide("streams", "tls.TLSSocket(duplex,"), {
      4433: String(await freePort()),
      'readFileSync("key.pem")': JSON.stringify(key),
      'readFileSync("cert.pem")': JSON.stringify(cert),
      ", ca: cert": "",
      "reason.value.name": "reason.value.name, reason.value.cause.code",
    });
    await program.until(/^ConnectionLost DEPTH_ZERO_SELF_SIGNED_CERT$/m);
    expect(await program.exited).toEqual(CLEAN);
  });
});

describe("tls.md", () => {
  it("the first example connects to itself", async () => {
    expect(await printed(guide("tls", "class Greeter"))).toBe("TLSv1.3 false\nhello\nConnectionDone\n");
  });

  it("a client with a certificate for development is greeted by its name, and one without is refused", async () => {
    const home = mkdtempSync(join(tmpdir(), "skein-tls-guide-"));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const port = await freePort();
    const files = (...names: string[]) => Object.fromEntries(names.map((name) => [`"${name}`, `"${home}/${name}`]));
    expect(await printed(guide("tls", "Development"), files("ca.pem", "server.pem", "client.pem"))).toBe("");
    const server = started(guide("tls", "class Doorkeeper"), {
      ...files("ca.pem", "server.pem"),
      "8443,": `${port},`,
      "await reactor.run()": 'console.log("up"); await reactor.run()',
    });
    await server.until(/^up$/m);
    const client = guide("tls", "// hello ada");
    const known = { ...files("ca.pem", "client.pem"), "8443,": `${port},` };
    expect(await printed(client, known)).toBe("hello ada\n");
    const unknown = { '  clientCertificate: PrivateCertificate.loadPEM(readFileSync("client.pem")),\n': "" };
    expect(await printed(client, { ...unknown, '"ca.pem': `"${home}/ca.pem`, "8443,": `${port},` })).toMatch(
      /certificate/,
    );
    server.interrupt();
    expect(await server.exited).toEqual(CLEAN);
  });
});
