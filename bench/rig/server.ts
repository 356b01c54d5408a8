import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { pinned, pinning } from "./machine.ts";

const alive = new Set<ChildProcess>();

process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

/** A server process on the server's core. Ends with this process at the latest. */
export class Server {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  readonly #child: ChildProcess;

  /** Use `Server.start`. */
  constructor(name: string, child: ChildProcess, pid: number, port: number) {
    this.name = name;
    this.pid = pid;
    this.port = port;
    this.#child = child;
  }

  /**
   * Start `command` and wait until it prints `LISTENING <port>`. With `talks` it must be a Node program, and `ask` works.
   * What it writes to standard error is shown.
   */
  static async start(name: string, command: readonly string[], talks = false): Promise<Server> {
    const [program = "", ...args] = pinned(pinning?.server, command);
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit", ...(talks ? ["ipc" as const] : [])] });
    alive.add(child);
    child.once("exit", () => alive.delete(child));
    const port = await listening(name, child);
    if (child.pid === undefined) throw new Error(`${name} did not start.`);
    return new Server(name, child, child.pid, port);
  }

  /** Send `question` over the channel between Node processes, and return the next message that comes back. */
  async ask(question: string): Promise<unknown> {
    const answer = once(this.#child, "message");
    this.#child.send(question);
    const [message] = await answer;
    return message;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

async function listening(name: string, child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error(`${name} has no standard output.`);
  const lines = createInterface({ input: child.stdout });
  return await new Promise<number>((resolve, reject) => {
    lines.on("line", (line) => {
      const port = /^LISTENING (\d+)$/.exec(line)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`${name} ended before it listened (${signal ?? code}).`)));
  });
}
