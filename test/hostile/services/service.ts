/** A service of `skein serve` in a process of its own, what it holds, and an honest client beside it. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { ServiceTime } from "./servicetime.mjs";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const HONEST = fileURLToPath(new URL("./honest.mjs", import.meta.url));
/** The service is back at what it held before the attack within this many milliseconds of its own. */
const RECOVERY_MS = 10_000;
const POLL_MS = 50;

export const MEBIBYTE: number = 1024 * 1024;
/** The longest that an honest client waits for an answer, in milliseconds of the service. */
export const ANSWER_MS = 1000;

/** What is done with the service's standard error. */
export type Errors = "read" | "unread" | "gone";

export interface Start {
  /** Further arguments. Default none. */
  readonly args?: readonly string[];
  /** Of the service's descriptors. Default: as this process's. */
  readonly descriptorLimit?: number;
  readonly errors?: Errors;
  /** The endpoint. Default "tcp:0". */
  readonly listen?: string;
}

export class Service {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  running = true;
  /** What the service wrote to standard error, as far as it is read: its last 64 KiB. */
  errors = "";

  private constructor(name: string, port: number, child: ChildProcess, errors: Errors) {
    this.name = name;
    this.port = port;
    this.pid = child.pid!;
    child.once("exit", () => {
      this.running = false;
    });
    if (errors === "gone") child.stderr!.destroy();
    if (errors === "read") {
      child.stderr!.on("data", (data: Buffer) => {
        this.errors = (this.errors + data.toString("utf8")).slice(-65_536);
      });
    }
  }

  /** Start it with its defaults, and wait until it listens. It ends with the test. */
  static async start(name: string, { args = [], descriptorLimit, errors = "read", listen = "tcp:0" }: Start = {}) {
    const command = [process.execPath, "dist/cli/main.js", "serve", name, "--listen", listen, ...args];
    const limited =
      descriptorLimit === undefined
        ? command
        : ["sh", "-c", `ulimit -n ${descriptorLimit}; exec "$@"`, "sh", ...command];
    const child = spawn(limited[0]!, limited.slice(1), { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    onTestFinished(async () => {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      if (child.exitCode === null && child.signalCode === null && child.kill("SIGKILL")) await ended;
    });
    const port = await new Promise<number>((resolve, reject) => {
      let text = "";
      let wrong = "";
      if (errors !== "unread") child.stderr.on("data", (data) => (wrong += String(data)));
      child.stdout.on("data", (data) => {
        text += String(data);
        const [, found] = /^skein: \w+ on \S+:(\d+) /m.exec(text) ?? [];
        if (found !== undefined) resolve(Number(found));
      });
      child.once("exit", () => reject(new Error(`The service ${name} ended: ${text}${wrong}`)));
    });
    return new Service(name, port, child, errors);
  }

  /** Bytes of memory that the process has in use. */
  get memory(): number {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))!;
    return Number(kib) * 1024;
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** Seconds of processor time so far. */
  get processor(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** Wait until it holds `descriptors` at most, and the processor rests. Rejects after ten seconds of the service. */
  async recovered(descriptors: number): Promise<void> {
    const time = new ServiceTime([this.pid]);
    try {
      await this.#recovered(descriptors, time);
    } finally {
      time.stop();
    }
  }

  async #recovered(descriptors: number, time: ServiceTime): Promise<void> {
    for (;;) {
      const [processor, began] = [this.processor, performance.now()];
      await sleep(POLL_MS);
      // A busy machine may wake this process late.
      const rests = this.processor - processor <= (performance.now() - began) / 2000;
      if (rests && this.descriptors <= descriptors) return;
      if (time.ms < RECOVERY_MS) continue;
      const now = `it has ${this.descriptors} descriptors (${descriptors} before), and ${rests ? "rests" : "works"}`;
      throw new Error(`The service ${this.name} has not recovered in ${RECOVERY_MS} ms: ${now}.\n${this.errors}`);
    }
  }

  /** Wait until the processor rests. */
  rests(): Promise<void> {
    return this.recovered(Number.POSITIVE_INFINITY);
  }

  /** Wait until it holds `count` descriptors. */
  async descriptorsReach(count: number): Promise<void> {
    while (this.descriptors < count) await sleep(1);
  }
}

/** Watches the highest memory of a service until stop(). */
export class Peak {
  bytes = 0;
  #timer: NodeJS.Timeout;

  constructor(service: Service) {
    const look = () => {
      if (service.running) this.bytes = Math.max(this.bytes, service.memory);
    };
    look();
    this.#timer = setInterval(look, 10);
    onTestFinished(() => clearInterval(this.#timer));
  }

  stop(): number {
    clearInterval(this.#timer);
    return this.bytes;
  }
}

/** An honest client in a process of its own, which makes one exchange after the other. */
export class Honest {
  readonly #child: ChildProcess;
  #waiting: {
    /** How many exchanges are still to come. */
    left: number;
    /** The one that was under way when they were asked for. */
    earlier: boolean;
    worst: number;
    resolve: (worst: number) => void;
    reject: (error: Error) => void;
  } | null = null;

  /**
   * @param target what a relay connects to
   * @param header what it sends first
   */
  constructor(service: Service, target?: Service, header = "") {
    const pids = [service, ...(target === undefined ? [] : [target])].map(({ pid }) => pid);
    const about = [service.name, service.port, target?.port ?? 1, pids, header].map(String);
    const child = spawn(process.execPath, [HONEST, ...about], { stdio: ["ignore", "pipe", "inherit"] });
    this.#child = child;
    onTestFinished(() => this.stop());
    createInterface(child.stdout).on("line", (line) => this.#heard(line));
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }

  /**
   * The milliseconds that the slowest of the next `count` exchanges takes; the one that is under way is not among them,
   * since it may have begun before. Rejects when one fails.
   */
  exchanges(count: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting = { left: count, earlier: true, worst: 0, resolve, reject };
    });
  }

  #heard(line: string): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    if (line.startsWith("error")) waiting.reject(new Error(`The honest client got no answer: ${line}`));
    if (waiting.earlier) {
      waiting.earlier = false;
      return;
    }
    waiting.left--;
    waiting.worst = Math.max(waiting.worst, Number(line));
    if (waiting.left === 0) waiting.resolve(waiting.worst);
  }
}

/** What relays connect to: it sends back what it receives. All connections are from the relay, so it limits none. */
export function relayTarget(): Promise<Service> {
  return Service.start("echo", { args: ["--max-connections", "none", "--max-per-peer", "none"] });
}

/** A port of this machine that answers no connection: its queue of those to accept is full. */
export function blackHole(): Promise<number> {
  return portOf(`
import socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
filling = [socket.socket() for _ in range(4)]
for one in filling:
    one.setblocking(False)
    one.connect_ex(listener.getsockname())
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
`);
}

/** A port of this machine that accepts connections and never reads. Its segments are as long as those of the Internet. */
export function stuckTarget(): Promise<number> {
  return portOf(`
import socket
listener = socket.socket()
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
listener.bind(("127.0.0.1", 0))
listener.listen(4096)
print(listener.getsockname()[1], flush=True)
held = []
while True:
    held.append(listener.accept()[0])
`);
}

/** The port that a program in Python prints. It ends with the test. */
async function portOf(program: string): Promise<number> {
  const child = spawn("python3", ["-c", program], { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.stdout.once("data", (data) => resolve(Number(String(data))));
  });
}
