/** Addresses as node:net tells them, and as an engine does: a scope is an interface's name there, a number here. */
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import type { NativeAddress } from "../../native.ts";

/** What an engine tells of such an address; undefined when there is none. */
export function nativeAddress(host: string | undefined, port: number | undefined): NativeAddress | undefined {
  if (host === undefined || port === undefined) return undefined;
  const [literal = "", zone] = host.split("%");
  return [isIP(literal) === 6 ? 6 : 4, literal, port, zone === undefined ? 0 : scopeOf(zone)];
}

/** The literal address with the interface's name in the place of its number, as libuv takes it. */
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
