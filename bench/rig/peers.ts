/** The servers that are compared, and which of them this machine has. */

import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join, relative } from "node:path";
import { floorProgram } from "./floor.ts";
import { serverNode } from "./node.ts";
import { root } from "./root.ts";

export interface Peer {
  readonly name: string;
  readonly title: string;
  /** Only measured where an answer is written in several pieces. */
  readonly onlyInPieces: boolean;
  /** The command that starts it; it prints `LISTENING <port>`. */
  command(writes: number): readonly string[];
}

const folder = join(root, "bench", "peers");

export const floor: Peer = peer("floor", "C++ epoll (the floor)", (writes) =>
  writes === 1 ? [floorProgram("echo")] : [floorProgram("echo"), "--writes", String(writes)],
);
export const borrowing: Peer = skein("borrowing");
export const owning: Peer = skein("owning");
export const net: Peer = peer("net", "Node net", (writes) => script(serverNode(), "net.mjs", writes));

const corked: Peer = {
  ...peer("net-corked", "Node net, corked", (writes) => [...script(serverNode(), "net.mjs", writes), "--cork"]),
  onlyInPieces: true,
};

/** The reactors that work on this machine, the default one first. */
export function reactorsHere(): string[] {
  const list = "import { loadNative } from './dist/native.js'; console.log(JSON.stringify(loadNative().backends()))";
  const { stdout, stderr } = spawnSync(serverNode(), ["--input-type=module", "-e", list], {
    cwd: root,
    encoding: "utf8",
  });
  if (stdout === "") throw new Error(stderr);
  return (JSON.parse(stdout) as { name: string; unavailable: string; preference: number }[])
    .filter(({ unavailable }) => unavailable === "")
    .sort((a, b) => b.preference - a.preference)
    .map(({ name }) => name);
}

/** A Skein server on a reactor, borrowing. */
export function reactorPeer(name: string): Peer {
  return peer(name, name, (writes) => [...borrowing.command(writes), "--reactor", name]);
}

/** A Skein server with a fault, see bench/peers/skein.mjs. */
export function broken(peer: Peer, fault: string): Peer {
  return { ...peer, command: (writes) => [...peer.command(writes), "--break", fault] };
}

export interface FoundPeers {
  /** The floor first. */
  readonly peers: readonly Peer[];
  /** Of what does not come with Node, as in "Bun 1.2.3". */
  readonly versions: readonly string[];
  /** What was not found, and what would bring it. */
  readonly missing: readonly string[];
}

export const noBun = "Bun was not found: put it on the PATH or name it in BUN.";

export function findPeers(): FoundPeers {
  const peers = [floor, borrowing, owning];
  const versions: string[] = [];
  const missing: string[] = [];
  const bun = findBun();
  if (bun !== undefined) {
    peers.push(peer("bun", "Bun.listen", (writes) => script(bun, "bun.mjs", writes)));
    versions.push(`Bun ${output(bun, "--version")}`);
  } else {
    missing.push(noBun);
  }
  peers.push(net, corked);
  const python = findPythonWithTwisted();
  if (python !== undefined) {
    peers.push(peer("twisted", "Twisted", (writes) => script(python, "twisted-echo.py", writes)));
    versions.push(`Twisted ${output(python, "-c", "import twisted; print(twisted.__version__)")}`);
  } else {
    missing.push("Twisted was not found: install it for a python3 on the PATH, or name that python in PYTHON.");
  }
  return { peers, versions, missing };
}

function peer(name: string, title: string, command: Peer["command"]): Peer {
  return { name, title, onlyInPieces: false, command };
}

/** The same server of another built checkout, which is in `checkout`. */
export function elsewhere({ name, title, onlyInPieces, command }: Peer, checkout: string): Peer {
  const moved = (part: string) => (part.startsWith(folder) ? join(checkout, relative(root, part)) : part);
  return {
    name: `old ${name}`,
    title: `${title}, of ${checkout}`,
    onlyInPieces,
    command: (writes) => command(writes).map(moved),
  };
}

function skein(mode: "borrowing" | "owning"): Peer {
  return peer(`skein-${mode}`, `Skein, ${mode}`, (writes) => [
    ...script(serverNode(), "skein.mjs", writes),
    "--mode",
    mode,
  ]);
}

function script(runtime: string, file: string, writes: number): string[] {
  const command = [runtime, join(folder, file)];
  return writes === 1 ? command : [...command, "--writes", String(writes)];
}

export function findBun(): string | undefined {
  return process.env.BUN ?? onPath("bun") ?? executable(join(root, "node_modules", ".bin", "bun"));
}

function findPythonWithTwisted(): string | undefined {
  const candidates = [process.env.PYTHON, onPath("python3"), "/usr/bin/python3"];
  return candidates.find(
    (python) => python !== undefined && spawnSync(python, ["-c", "import twisted.internet.epollreactor"]).status === 0,
  );
}

/** What a program prints. */
export function output(program: string, ...args: string[]): string {
  return spawnSync(program, args, { encoding: "utf8" }).stdout.trim();
}

function onPath(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((path) => executable(join(path, name))).find((path) => path !== undefined);
}

function executable(path: string): string | undefined {
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return undefined;
  }
}
