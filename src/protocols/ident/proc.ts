/** Finds the owner of a local TCP connection in Linux's table of TCP connections. */
import { readFile } from "node:fs/promises";
import { endianness } from "node:os";
import type { Address } from "../../internet/interfaces.ts";

import { NoUser } from "./error.ts";

/** One end of a connection. */
export type IdentAddress = Pick<Address, "host" | "port">;

const TABLE = "/proc/net/tcp";
const USERS = "/etc/passwd";

/**
 * The name of the user who owns the IPv4 connection of this machine's port `server.port` with `client`. Rejects with
 * NoUser when there is no such connection, or its owner has no name.
 * @see proc(5), passwd(5)
 */
export async function procLookup(
  server: IdentAddress,
  client: IdentAddress,
  table = TABLE,
  users = USERS,
): Promise<string> {
  const wanted = `${hexAddress(client.host)}:${hexPort(client.port)}`;
  for (const line of (await readFile(table, "latin1")).split("\n").slice(1)) {
    const [, local, remote, , , , , uid] = line.trim().split(/\s+/);
    if (remote === wanted && local?.endsWith(`:${hexPort(server.port)}`)) return userName(uid!, users);
  }
  throw new NoUser();
}

async function userName(uid: string, users: string): Promise<string> {
  for (const line of (await readFile(users, "utf8")).split("\n")) {
    const [name, , number] = line.split(":");
    if (number === uid) return name!;
  }
  throw new NoUser();
}

/** The kernel prints the address as one number in host byte order. */
function hexAddress(host: string): string {
  const bytes = host.split(".").map(Number);
  if (endianness() === "LE") bytes.reverse();
  return Buffer.from(bytes).toString("hex").toUpperCase();
}

function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}
