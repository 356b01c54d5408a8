/** `skein serve socks`. */
import { parseNetworks } from "../../internet/networks.ts";
import { programLog } from "../../protocols/socks/log.ts";
import { listensAt } from "../../protocols/socks/policy.ts";
import { SOCKSv4, SOCKSv4Factory } from "../../protocols/socks.ts";
import { declare } from "../service.ts";
import { UsageError } from "../usage.ts";

export const socks = declare({
  summary: "a SOCKS 4 and 4a proxy to public addresses, without authentication (--allow-from)",
  warning: [
    "Warning: SOCKS 4 has no authentication: whoever reaches it connects to other hosts in the name of this machine.",
    "It connects to public addresses only, unless --allow names others, and never to itself.",
  ],
  options: {
    allow: {
      type: "string",
      multiple: true,
      value: "NETWORK",
      help: [
        "also connect to these addresses, as in 10.1.0.0/16 or ::1; may be given several times. Without it,",
        "private, loopback, link-local and other special addresses are rejected, and those of this machine",
      ],
    },
    "allow-from": {
      type: "string",
      multiple: true,
      value: "NETWORK",
      help: ["serve clients of these addresses only; may be given several times. Default: everyone"],
    },
    user: {
      type: "string",
      multiple: true,
      value: "NAME",
      help: [
        "serve these user names only; may be given several times. A client says its name and proves nothing:",
        "this is no authentication",
      ],
    },
    bind: {
      type: "boolean",
      help: [
        "serve BIND, too: a port listens for a connection from the host that a client names, at the address of this",
        "machine to which the client is connected",
      ],
    },
  },
  make: (reactor, { allow = [], "allow-from": allowFrom, user: users, bind = false }) => {
    ensureNetworks("allow", allow);
    ensureNetworks("allow-from", allowFrom ?? []);
    const options = {
      allow,
      bind,
      idleTimeout: Number.POSITIVE_INFINITY, // --idle applies to the client's connection, which all bytes pass
      ...(allowFrom && { allowFrom }),
      ...(users && { users }),
    };
    return {
      factory: new SOCKSv4Factory(reactor, programLog(reactor), SOCKSv4, options),
      listening: ({ port }) => listensAt(reactor, port),
    };
  },
});

function ensureNetworks(option: string, networks: readonly string[]): void {
  try {
    parseNetworks(...networks);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--${option}: ${error.message}`, `Try: --${option} 10.0.0.0/8`);
  }
}
