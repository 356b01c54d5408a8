/** Programs in processes of their own, and conversations with them over TCP. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Text that arrives bit by bit, and those who wait for some of it. */
class Transcript {
  text = "";
  ended = false;
  #seen = 0;
  #waiting = new Set<() => void>();

  add(text: string): void {
    this.text += text;
    for (const look of [...this.#waiting]) look();
  }

  end(): void {
    this.ended = true;
    for (const look of [...this.#waiting]) look();
  }

  /** The next match behind those that were waited for before. Rejects when the text ends without. */
  until(pattern: RegExp, name: string): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.text.slice(this.#seen));
        if (match === null && !this.ended) return;
        this.#waiting.delete(look);
        if (match === null) {
          reject(new Error(`${name} ended without ${pattern}; this is all it said:\n${this.text}`));
        } else {
          this.#seen += match.index + match[0].length;
          resolve(match);
        }
      };
      this.#waiting.add(look);
      look();
    });
  }
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program that runs, until the test is finished at the latest. */
export class Program {
  readonly exited: Promise<Exit>;
  readonly #name: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #out = new Transcript();
  readonly #err = new Transcript();

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#name = [command, ...args].join(" ");
    this.#child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env } });
    this.#child.stdout.setEncoding("utf8").on("data", (text) => this.#out.add(text));
    this.#child.stderr.setEncoding("utf8").on("data", (text) => this.#err.add(text));
    this.#child.stdin.on("error", () => {});
    this.exited = new Promise((resolve, reject) => {
      this.#child.on("error", reject);
      this.#child.on("close", (code, signal) => {
        this.#out.end();
        this.#err.end();
        resolve({ code, signal });
      });
    });
    onTestFinished(async () => {
      this.#child.kill("SIGKILL");
      await this.exited.catch(() => {});
    });
  }

  /** A JavaScript program of the built package. */
  static node(script: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Program {
    if (!existsSync(`${ROOT}/dist/entries/index.js`)) throw new Error("There is no dist/: npm run build makes it.");
    return new Program(process.execPath, [script, ...args], env);
  }

  get stdout(): string {
    return this.#out.text;
  }
  get stderr(): string {
    return this.#err.text;
  }

  /** The next match on standard output. */
  until(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#out.until(pattern, this.#name).catch((error: Error) => {
      error.message += `\nand on standard error:\n${this.stderr}`;
      throw error;
    });
  }

  /** Type into standard input. */
  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** End standard input. */
  end(): void {
    this.#child.stdin.end();
  }

  /** What Ctrl-C does. */
  interrupt(): void {
    this.#child.kill("SIGINT");
  }
}

/** A TCP client of the test's own. */
export class Conversation {
  /** What was received until the peer ended the connection. */
  readonly closed: Promise<string>;
  readonly #socket: Socket;
  readonly #heard = new Transcript();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1").on("data", (text: unknown) => this.#heard.add(String(text)));
    this.closed = new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", () => {
        this.#heard.end();
        resolve(this.#heard.text);
      });
    });
    this.closed.catch(() => {});
    onTestFinished(() => void socket.destroy());
  }

  static with(port: number, host = "127.0.0.1"): Promise<Conversation> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, host, () => {
        socket.off("error", reject);
        resolve(new Conversation(socket));
      });
      socket.on("error", reject);
    });
  }

  say(text: string): void {
    this.#socket.write(text);
  }
  end(): void {
    this.#socket.end();
  }
  until(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#heard.until(pattern, "The connection");
  }
}
