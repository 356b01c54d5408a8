/**
 * Converts between node:net's addresses and the engine's: node:net gives the scope of an IPv6 address as an interface
 * name, the engine as a number.
 */
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import type { NativeAddress } from "../../native.ts";

/** The engine's form of a node:net address; undefined when there is none. */
export function nativeAddress(host: string | undefined, port: number | undefined): NativeAddress | undefined {
  if (host === undefined || port === undefined) return undefined;
  const [literal = "", zone] = host.split("%");
  return [isIP(literal) === 6 ? 6 : 4, literal, port, zone === undefined ? 0 : scopeOf(zone)];
}

/** The literal address with the scope's interface name instead of its number, as libuv expects it. */
export function nodeAddress(host: string): string {
  const [literal = "", zone = ""] = host.split("%");
  if (!/^\d+$/.test(zone) || process.platform === "win32") return host;
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    if (addresses.some((address) => address.family === "IPv6" && address.scopeid === Number(zone))) {
      return `${literal}%${name}`;
    }
  }
  return host;
}

/** Whether this machine has `address`. */
export function isLocal(address: string): boolean {
  const everywhere = address === "0.0.0.0" || address === "::" || address.startsWith("127.");
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return everywhere || all.some((candidate) => candidate.address === address.split("%")[0]);
}

function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  const found = networkInterfaces()[zone]?.find((address) => address.family === "IPv6" && address.scopeid !== 0);
  return found?.family === "IPv6" ? found.scopeid : 0;
}
