/** A PostgreSQL server of the test's own, in a folder that goes away with it. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./freeport.ts";

/** The folder of the newest server's programs, which Debian keeps out of PATH; undefined when there is none. */
function programs(): string | undefined {
  const root = "/usr/lib/postgresql";
  if (existsSync(root)) {
    const [newest] = readdirSync(root).sort((a, b) => Number(b) - Number(a));
    if (newest !== undefined && existsSync(join(root, newest, "bin/initdb"))) return join(root, newest, "bin");
  }
  return spawnSync("initdb", ["--version"]).error === undefined ? "" : undefined;
}

/** PostgreSQL refuses to run as root: the user it has for itself, else nobody. */
function user(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const { status, stdout } = spawnSync("id", ["-u", name], { encoding: "utf8" });
    if (status !== 0) continue;
    const gid = execFileSync("id", ["-g", name], { encoding: "utf8" });
    return { uid: Number(stdout), gid: Number(gid) };
  }
  return undefined;
}

export const postgresPrograms = programs();

export class Postgres {
  readonly port: number;
  readonly #folder: string;
  readonly #server: ChildProcess;

  private constructor(port: number, folder: string, server: ChildProcess) {
    this.port = port;
    this.#folder = folder;
    this.#server = server;
  }

  /** Listens on 127.0.0.1; the user is "skein", the password "secret". */
  static async start(): Promise<Postgres> {
    const bin = postgresPrograms ?? "";
    const folder = mkdtempSync(join(tmpdir(), "skein-postgres-"));
    const as = user();
    if (as !== undefined) chownSync(folder, as.uid, as.gid);
    const data = join(folder, "data");
    execFileSync("sh", ["-c", `printf secret > ${folder}/password`], { ...as });
    const init = ["-D", data, "-U", "skein", "-A", "scram-sha-256", "--pwfile", join(folder, "password"), "-E", "UTF8"];
    execFileSync(join(bin, "initdb"), [...init, "--no-sync", "--locale", "C"], { ...as, stdio: "pipe", cwd: folder });
    const port = await freePort();
    const options = ["-D", data, "-p", String(port), "-c", "listen_addresses=127.0.0.1", "-k", folder, "-F"];
    const env = { ...process.env, LC_ALL: "C" };
    const stdio = ["ignore", "ignore", "pipe"] as const;
    const server = spawn(join(bin, "postgres"), options, { ...as, env, stdio: [...stdio], cwd: folder });
    await ready(server);
    return new Postgres(port, folder, server);
  }

  async stop(): Promise<void> {
    this.#server.kill("SIGINT");
    if (this.#server.exitCode === null) await once(this.#server, "exit");
    rmSync(this.#folder, { recursive: true });
  }
}

/** Its log says when it accepts connections. */
function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = "";
    server.stderr?.on("data", (data: Buffer) => {
      log += data;
      if (log.includes("ready to accept connections")) resolve();
    });
    server.once("error", reject);
    server.once("exit", () => reject(new Error(`postgres did not start: ${log}`)));
  });
}
