/**
 * Finds the owner of a local TCP connection in Linux's tables. A row counts if it is
 *
 * - established (01): the kernel shows sockets in TIME_WAIT, and those that a program has closed, as root's;
 * - held by a program (its inode is not 0): one that no program has accepted yet is shown as root's, too;
 * - of exactly these two addresses and ports: several programs may use one port of different addresses.
 * @see Documentation/networking/proc_net_tcp.rst in Linux, proc(5), passwd(5)
 */
import { isIPv4 } from "node:net";
import { endianness } from "node:os";
import type { Address } from "../../internet/interfaces.ts";
import { canonicalAddress } from "../../internet/networks.ts";
import type { ReactorTime } from "../../internet/time.ts";
import { Refusals } from "../../logger/refusals.ts";
import { IdentError, NoUser } from "./error.ts";
import { eachLine, FILE_MAX } from "./lines.ts";
import { Snapshot } from "./snapshot.ts";

/** One end of a connection. */
export type IdentAddress = Pick<Address, "host" | "port">;

/** Where the system keeps its connections and users. */
export interface SystemFiles {
  readonly tcp: string;
  readonly tcp6: string;
  readonly users: string;
}

const UNREADABLE = "The owners of connections cannot be looked up";
const FILES: SystemFiles = { tcp: "/proc/net/tcp", tcp6: "/proc/net/tcp6", users: "/etc/passwd" };

/** The established connections. */
interface Connections {
  /** User ids, by the two addresses as the kernel writes them. */
  readonly owners: ReadonlyMap<string, string>;
  /** False when the table is longer than what is read of it. */
  readonly complete: boolean;
}

/**
 * Which users own the connections of this machine. The tables are read once a second at most, less often when that takes long
 * (snapshot.ts), and not beyond a bound.
 */
export class ConnectionOwners {
  readonly #connections: Snapshot<Connections>;
  readonly #users: Snapshot<ReadonlyMap<string, string>>;
  readonly #clock: ReactorTime;
  #failing = false;
  readonly #failures = new Refusals();

  /** @param most how many bytes of a file are read */
  constructor(clock: ReactorTime, files: SystemFiles = FILES, most: number = FILE_MAX) {
    this.#clock = clock;
    this.#connections = new Snapshot(clock, () => this.#told(readConnections(files, most)));
    this.#users = new Snapshot(clock, () => this.#told(readUsers(files.users, most)));
  }

  /**
   * The name of the user who owns the connection of `server`, of this machine, with `client`. Rejects with NoUser when
   * there is no such connection, or its owner has no name; with IdentError when the tables cannot be read. A connection
   * that the latest reading did not show may be new, and waits for the next one.
   */
  async nameOf(server: IdentAddress, client: IdentAddress): Promise<string> {
    const keys = keysOf(server, client);
    if (keys.length === 0) throw new NoUser();
    const asked = this.#clock.seconds();
    let reading = await this.#connections.latest();
    let owner = find(reading.value.owners, keys);
    if (owner === undefined && reading.began < asked) {
      reading = await this.#connections.next();
      owner = find(reading.value.owners, keys);
    }
    if (owner === undefined && !reading.value.complete) throw new IdentError("The table of connections is too long.");
    const name = owner === undefined ? undefined : (await this.#users.latest()).value.get(owner);
    if (name === undefined) throw new NoUser();
    return name;
  }

  /** Log that reading failed once, not for each query; and once a minute at most, if it fails now and then. */
  async #told<T>(read: Promise<T>): Promise<T> {
    try {
      const value = await read;
      this.#failing = false;
      return value;
    } catch (error) {
      if (!this.#failing) this.#failures.noteError(this.#clock.seconds(), error, () => UNREADABLE);
      this.#failing = true;
      throw new IdentError("The tables of the system cannot be read.", error);
    }
  }
}

const shared = new WeakMap<ReactorTime, ConnectionOwners>();

/** The one that all connections of a reactor share. */
export function ownersOn(clock: ReactorTime): ConnectionOwners {
  let owners = shared.get(clock);
  if (owners === undefined) {
    owners = new ConnectionOwners(clock);
    shared.set(clock, owners);
  }
  return owners;
}

function find(owners: ReadonlyMap<string, string>, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const owner = owners.get(key);
    if (owner !== undefined) return owner;
  }
  return undefined;
}

//                  sl     local                 remote                st tx:rx tr:tm retr  uid   timeout inode
const ROW = /^ *\d+: ([\dA-F]+:[\dA-F]{4}) ([\dA-F]+:[\dA-F]{4}) 01 \S+ +\S+ +\S+ +(\d+) +\d+ +(\d+)/;

async function readConnections({ tcp, tcp6 }: SystemFiles, most: number): Promise<Connections> {
  const owners = new Map<string, string>();
  const take = (line: string): void => {
    const [, local, remote, uid, inode] = ROW.exec(line) ?? [];
    if (inode !== undefined && inode !== "0") owners.set(`${local} ${remote}`, uid!);
  };
  const complete = await eachLine(tcp, take, most);
  const complete6 = await eachLine(tcp6, take, most).catch(ifAbsent);
  return { owners, complete: complete && complete6 };
}

/** A machine without IPv6 has no table for it. */
function ifAbsent(error: NodeJS.ErrnoException): boolean {
  if (error.code === "ENOENT") return true;
  throw error;
}

async function readUsers(path: string, most: number): Promise<ReadonlyMap<string, string>> {
  const users = new Map<string, string>();
  const take = (line: string): void => {
    const [name, , uid] = line.split(":", 3);
    if (name !== "" && uid !== undefined && !users.has(uid)) users.set(uid, Buffer.from(name!, "latin1").toString());
  };
  await eachLine(path, take, most);
  return users;
}

/** How the tables write this connection: as IPv4, and in that of IPv6 as IPv4-mapped; or as IPv6. */
function keysOf(server: IdentAddress, client: IdentAddress): string[] {
  const local = canonicalAddress(server.host);
  const remote = canonicalAddress(client.host);
  if (local === undefined || remote === undefined || isIPv4(local) !== isIPv4(remote)) return [];
  const key = (form: (host: string) => string) =>
    `${form(local)}:${hexPort(server.port)} ${form(remote)}:${hexPort(client.port)}`;
  return isIPv4(local) ? [key(hex4), key((host) => MAPPED + hex4(host))] : [key(hex6)];
}

/** The kernel prints each four bytes of an address as a number in host byte order. */
function hexWord(bytes: readonly number[]): string {
  const ordered = endianness() === "LE" ? bytes.toReversed() : bytes;
  return Buffer.from(ordered).toString("hex").toUpperCase();
}

const MAPPED = hexWord([0, 0, 0, 0]).repeat(2) + hexWord([0, 0, 0xff, 0xff]);

function hex4(host: string): string {
  return hexWord(host.split(".").map(Number));
}

/** @param host in the form of canonicalAddress(): eight groups */
function hex6(host: string): string {
  const bytes = host.split(":").flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
  return [0, 4, 8, 12].map((at) => hexWord(bytes.slice(at, at + 4))).join("");
}

function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}
