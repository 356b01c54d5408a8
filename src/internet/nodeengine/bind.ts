/**
 * Binds a node:net server synchronously, since listenTCP() reports errors by throwing.
 *
 * `server.listen(port, host)` returns before anything is bound when the host needs a look-up, and emits errors later
 * still. But a server also listens on "any object with a `_handle` member", as Node documents, and the handle of a TCP
 * socket has bind() and listen(), which return an errno synchronously, since Node 0.10. Its class is the constructor of
 * the handle of any connecting socket; Deno has it too. In Bun, listen() is synchronous, but the error is not: there it
 * is inferred.
 */
import { createServer, isIP, type Server, Socket } from "node:net";
import { errnoNamed } from "../errno.ts";
import { isLocal } from "./addresses.ts";

/** The part of node:net's TCP handle that is used here. Calls return 0 or a negative errno. */
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
/** The first version of libuv with UV_TCP_REUSEPORT. */
const REUSEPORT_UV = [1, 49];

let handleClass: TcpHandleClass | undefined | null = null;

/** Whether several processes and threads can listen on one port here, as with SO_REUSEPORT. */
export function reusesPorts(): boolean {
  const [major = 0, minor = 0] = (process.versions.uv ?? "").split(".").map(Number);
  const known = major > REUSEPORT_UV[0]! || (major === REUSEPORT_UV[0] && minor >= REUSEPORT_UV[1]!);
  return known && process.platform === "linux" && tcpHandleClass() !== undefined;
}

/** A listening server, and its handle where the runtime has one; or a negative errno. `host` is a literal. */
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
  // The second listen(2) on the same socket has no effect.
  server.listen({ _handle: handle } as unknown as { port: number }, backlog);
  return { server, handle: pausable ? handle : undefined };
}

/**
 * Make readStop() and readStart() pause and resume accepting, for which Node has no call. In libuv they control whether
 * the loop watches the descriptor, but only for a stream that was opened for reading; open() with its own descriptor
 * does that to a listening stream. Windows has no descriptor to open.
 */
function makePausable(handle: TcpHandle): boolean {
  return typeof handle.fd === "number" && handle.fd >= 0 && handle.open(handle.fd) === 0;
}

function tcpHandleClass(): TcpHandleClass | undefined {
  if (handleClass === null) {
    const socket = new Socket();
    socket.on("error", () => undefined);
    // A lookup function that never calls back keeps the socket connecting.
    socket.connect({ host: "skein.invalid", port: 1, lookup: () => undefined });
    const made = (socket as unknown as { _handle: { constructor?: unknown } | null })._handle?.constructor;
    socket.destroy();
    const usable = typeof (made as { prototype?: { bind6?: unknown } } | undefined)?.prototype?.bind6 === "function";
    handleClass = usable ? (made as TcpHandleClass) : undefined;
  }
  return handleClass;
}

/** The most probable errno of a failed listen(). */
function likelyErrno(host: string, port: number): number {
  if (!isLocal(host)) return errnoNamed("EADDRNOTAVAIL")!;
  const privileged = port > 0 && port < 1024 && process.geteuid?.() !== 0;
  return errnoNamed(privileged ? "EACCES" : "EADDRINUSE")!;
}
