import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { run } from "../../../src/cli/command.ts";
import {
  beginLoggingTo,
  eventsFromJSONLogFile,
  jsonFileLogObserver,
  setObserver,
  textFileLogObserver,
} from "../../../src/logger/logger.ts";
import { CORPUS, type HostileString } from "./corpus.ts";
import { OWN_WORDS, PLACES } from "./places.ts";

// No name is looked up: the answers come at once.
vi.mock("node:dns", async (original) => ({
  ...(await original<typeof import("node:dns")>()),
  lookup: (hostname: string, _options: unknown, answered: (error: unknown) => void) => {
    const [code, syscall] = ["ENOTFOUND", "getaddrinfo"];
    const error = new Error(`${syscall} ${code} ${hostname}`);
    setImmediate(answered, Object.assign(error, { errno: -3008, code, syscall, hostname }));
  },
}));

// biome-ignore lint/suspicious/noControlCharactersInRegex: the colours that the log makes itself
const OUR_COLORS = /\x1b\[(?:[02]|31|33|1;31)m/g;

/** What no output may have: written without the code under test, from the Unicode classes that do not appear. */
const HIDDEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|[\u034f\u115f\u1160\u17b4\u17b5\u2065\u3164\uffa0]|[\u{e0000}-\u{e0fff}]/u;

/** The first hidden character of `text` with what is around it, apart from line feeds, tabs and, on request, CR LF. */
function hiddenIn(text: string, lineEnds: "\n" | "\r\n" = "\n"): string | undefined {
  const plain = (lineEnds === "\r\n" ? text.replaceAll("\r\n", "") : text).replace(/[\n\t]/g, "");
  const found = HIDDEN.exec(plain);
  return found === null ? undefined : JSON.stringify(plain.slice(Math.max(0, found.index - 20), found.index + 20));
}

/** Each text of an error, and of the errors that it is made of, that a program prints. */
function textsOf(error: unknown, path = "error", seen: unknown[] = []): [string, string][] {
  if (typeof error === "string") return [[path, error]];
  if (typeof error !== "object" || error === null || seen.includes(error)) return [];
  seen.push(error);
  const names = error instanceof Error ? ["message", "stack", "cause", "errors"] : [];
  return [
    [`console.error(${path})`, inspect(error)],
    [`String(${path})`, String(error)],
    ...[...names, ...Object.keys(error)].flatMap((name) => textsOf(Reflect.get(error, name), `${path}.${name}`, seen)),
  ];
}

function sink(): { text: string; write(text: string): void } {
  return {
    text: "",
    write(text) {
      this.text += text;
    },
  };
}

afterEach(() => {
  setObserver(undefined);
});

it("the corpus has at least 200 strings, all different", () => {
  expect(new Set(CORPUS.map(({ text }) => text)).size).toBeGreaterThanOrEqual(200);
  expect(new Set(CORPUS.map(({ name }) => name)).size).toBe(CORPUS.length);
});

describe.each(PLACES)("through $name", ({ send, accepts = false }) => {
  it("no control character comes out", async () => {
    const wrong: string[] = [];
    let shown = 0;
    for (const hostile of CORPUS) {
      const [text, colored, json] = [sink(), sink(), sink()];
      const end = beginLoggingTo(
        textFileLogObserver(text),
        textFileLogObserver(colored, { colors: true }),
        jsonFileLogObserver(json),
      );
      const { terminal = [], errors = [] } = await send(hostile);
      end();
      if (text.text !== "" || errors.length > 0 || terminal.some((seen) => seen !== "")) shown++;
      const outputs: (readonly [string, string | undefined])[] = [
        ["text", hiddenIn(text.text)],
        ["colours", hiddenIn(colored.text.replaceAll(OUR_COLORS, ""))],
        ["JSON", hiddenIn(json.text)],
        ...terminal.map((shown): [string, string | undefined] => ["terminal", hiddenIn(shown, "\r\n")]),
        ...errors.flatMap((error) => textsOf(error)).map(([where, shown]) => [where, hiddenIn(shown)] as const),
      ];
      for (const [where, found] of outputs) if (found !== undefined) wrong.push(`${hostile.name}, ${where}: ${found}`);
      // Each line of text that begins an event was written by an event, and each line of JSON is one.
      const events = [...eventsFromJSONLogFile(json.text)];
      const begun = text.text.split("\n").filter((line) => line !== "" && !line.startsWith("\t")).length;
      if (begun !== events.length) wrong.push(`${hostile.name}: ${begun} events as text, ${events.length} as JSON`);
    }
    expect(wrong).toEqual([]);
    // Otherwise nothing comes out because nothing goes in.
    expect(shown).toBeGreaterThan(accepts ? 0 : CORPUS.length / 2);
  });
});

describe("the command line", () => {
  const ways: readonly (readonly [string, (text: string) => string[]])[] = [
    ["a command", (text) => [text]],
    ["an option", (text) => [`--${text}`]],
    ["a service", (text) => ["serve", text]],
    ["a second service", (text) => ["serve", "echo", text]],
    ["an option of a service", (text) => ["serve", "echo", `--x${text}`]],
    ["a target", (text) => ["serve", "echo", "--listen", "tcp:0", "--to", text]],
    ["a limit", (text) => ["serve", "echo", "--listen", "tcp:0", "--idle", `x${text}`]],
    ["a reactor", (text) => ["serve", "echo", "--listen", "tcp:0", "--reactor", `x${text}`]],
    ["an argument of reactors", (text) => ["reactors", `x${text}`]],
  ];

  it.each(ways)("shows %s without control characters", async (_what, args) => {
    const wrong: string[] = [];
    for (const hostile of CORPUS) {
      let said = "";
      const add = (chunk: string | Uint8Array): boolean => {
        said += String(chunk);
        return true;
      };
      const spies = [vi.spyOn(process.stderr, "write"), vi.spyOn(process.stdout, "write")].map((spy) =>
        spy.mockImplementation(add),
      );
      try {
        await run(args(hostile.text));
      } finally {
        for (const spy of spies) spy.mockRestore();
      }
      const found = hiddenIn(said);
      if (found !== undefined) wrong.push(`${hostile.name}: ${found}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe("the places", () => {
  const root = join(import.meta.dirname, "../../..");

  it("are complete: each module of src/protocols and src/streams that logs is in one, or shows its own words only", () => {
    const logging = ["src/protocols", "src/streams"]
      .flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
      )
      .filter(
        (file) =>
          file.endsWith(".ts") &&
          /\b(msg|err|note|noteError)\(|new Logger\(/.test(readFileSync(join(root, file), "utf8")),
      );
    const named: HostileString["name"][] = [...PLACES.flatMap(({ modules }) => modules), ...Object.keys(OWN_WORDS)];
    expect(logging.filter((file) => !named.includes(file))).toEqual([]);
    expect(Object.keys(OWN_WORDS).filter((file) => !logging.includes(file))).toEqual([]);
  });
});
