/**
 * A server of node:net that listens, or has failed to, when this returns: listenTCP() throws what it throws at once.
 *
 * `server.listen(port, host)` comes back before anything is bound where the host goes through a look-up, as in Node, and
 * tells an error later still. But a server also listens on "any object with a `_handle` member", as its documentation
 * has it, and the handle of a TCP socket has bind() and listen(), which answer with an errno at once, since the times of
 * Node 0.10. Its class is that of the handle that any connecting socket has; Deno has it too. In Bun a server listens
 * at once by itself, and only the reason of a failure comes late: there it is inferred.
 */
import { createServer, isIP, type Server, Socket } from "node:net";
import { errnoNamed } from "../errno.ts";
import { isLocal } from "./addresses.ts";

/** The part of node:net's TCP handle that is used here. Calls answer with 0 or a negative errno. */
export interface TcpHandle {
  readonly fd?: number;
  bind(host: string, port: number, flags: number): number;
  bind6(host: string, port: number, flags: number): number;
  listen(backlog: number): number;
  open(fd: number): number;
  readStart(): number;
  readStop(): number;
  close(): void;
}

type TcpHandleClass = new (kind: number) => TcpHandle;

const SERVER_KIND = 1;
const REUSEPORT_FLAG = 2;
/** The first libuv that knows the flag. */
const REUSEPORT_UV = [1, 49];

let handleClass: TcpHandleClass | undefined | null = null;

/** Whether several processes and threads can listen on one port here, as with SO_REUSEPORT. */
export function reusesPorts(): boolean {
  const [major = 0, minor = 0] = (process.versions.uv ?? "").split(".").map(Number);
  const known = major > REUSEPORT_UV[0]! || (major === REUSEPORT_UV[0] && minor >= REUSEPORT_UV[1]!);
  return known && process.platform === "linux" && tcpHandleClass() !== undefined;
}

/** A server that listens, and its handle where it has one; or a negative errno. `host` is a literal. */
export function bindServer(
  host: string,
  port: number,
  backlog: number,
  reusePort: boolean,
): { readonly server: Server; readonly handle: TcpHandle | undefined } | number {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  const Handle = tcpHandleClass();
  if (Handle === undefined) {
    server.once("error", () => undefined);
    server.listen({ host, port, backlog });
    return server.listening ? { server, handle: undefined } : -likelyErrno(host, port);
  }
  const handle = new Handle(SERVER_KIND);
  const flags = reusePort && reusesPorts() ? REUSEPORT_FLAG : 0;
  const bound = isIP(host) === 4 ? handle.bind(host, port, flags) : handle.bind6(host, port, flags);
  const pausable = bound === 0 && makePausable(handle);
  const result = bound === 0 ? handle.listen(backlog) : bound;
  if (result !== 0) {
    handle.close();
    return result;
  }
  // It listens once more, which changes nothing.
  server.listen({ _handle: handle } as unknown as { port: number }, backlog);
  return { server, handle: pausable ? handle : undefined };
}

/**
 * Let readStop() and readStart() stop and go on accepting, which Node has no call for. In libuv they say whether the loop
 * watches the descriptor, but only of a stream that has been opened for reading, which a listening one becomes when it
 * is given its own descriptor. Windows has none to give.
 */
function makePausable(handle: TcpHandle): boolean {
  return typeof handle.fd === "number" && handle.fd >= 0 && handle.open(handle.fd) === 0;
}

function tcpHandleClass(): TcpHandleClass | undefined {
  if (handleClass === null) {
    const socket = new Socket();
    socket.on("error", () => undefined);
    // It waits for this look-up, which has no end.
    socket.connect({ host: "skein.invalid", port: 1, lookup: () => undefined });
    const made = (socket as unknown as { _handle: { constructor?: unknown } | null })._handle?.constructor;
    socket.destroy();
    const usable = typeof (made as { prototype?: { bind6?: unknown } } | undefined)?.prototype?.bind6 === "function";
    handleClass = usable ? (made as TcpHandleClass) : undefined;
  }
  return handleClass;
}

/** Why a port could not be listened on, most probably. */
function likelyErrno(host: string, port: number): number {
  if (!isLocal(host)) return errnoNamed("EADDRNOTAVAIL")!;
  const privileged = port > 0 && port < 1024 && process.geteuid?.() !== 0;
  return errnoNamed(privileged ? "EACCES" : "EADDRINUSE")!;
}
