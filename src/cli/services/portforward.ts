/** `skein serve portforward`. */
import { ProxyFactory } from "../../protocols/portforward.ts";
import { declare } from "../service.ts";
import { UsageError } from "../usage.ts";

export const portforward = declare({
  summary: "forwards each connection to another host (--to)",
  warning: ["Warning: whoever reaches it reaches the target, which sees this machine as the client."],
  options: {
    to: {
      type: "string",
      short: "t",
      value: "HOST:PORT",
      help: ["where it connects to"],
      required: "localhost:80",
    },
  },
  make: (reactor, { to }) => {
    const idleTimeout = Number.POSITIVE_INFINITY; // --idle applies to the client's connection, which all bytes pass
    return { factory: new ProxyFactory(...hostAndPort(to), { reactor, idleTimeout }) };
  },
});

/** Parses `host:port`. A literal IPv6 host may be in brackets. */
function hostAndPort(text: string): [host: string, port: number] {
  const [, bracketed, plain, port = ""] = /^(?:\[(.+)\]|([^[\]:]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new UsageError(
      `"${text}" is not a host and a port to connect to`,
      "Try: --to localhost:80, or --to [::1]:80",
    );
  }
  return [host, Number(port)];
}
