/** The address of a port of BIND. */
import { isIP, isIPv4 } from "node:net";
import { canonicalAddress, parseNetworks } from "../../internet/networks.ts";
import { SOCKSError } from "./request.ts";

/** No address of a connection: it would be all addresses of this machine. */
const ANY = parseNetworks("0.0.0.0", "::");

/** Where a port of BIND listens for `server`, for a client that is connected to `host`. @throws SOCKSError */
export function bindHost(host: string, server: string): string {
  const canonical = canonicalAddress(host) ?? "";
  const listens = isIPv4(canonical) ? canonical : host; // with its zone
  if (ANY.has(listens) || isIP(listens) !== isIP(canonicalAddress(server) ?? "")) {
    throw new SOCKSError(`the client is connected to ${host}, where ${server} cannot connect to a port of BIND`);
  }
  return listens;
}
