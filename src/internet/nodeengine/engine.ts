/**
 * An engine over Node's own sockets, for where no native one can be: what native/engine/engine.h is, over node:net. What
 * the sockets tell within a turn of Node's loop is told to the program at its end, in one call.
 *
 * The sockets hold no process alive; a timer does, from start() to stop().
 */
import { connect, isIP, type Socket } from "node:net";
import { Completion, type ConnectRequest, type ListenRequest } from "../../native.ts";
import { EngineBase, type Setup } from "../engine/base.ts";
import { Phase } from "../engine/phase.ts";
import { errnoNamed } from "../errno.ts";
import type { Loop } from "../reactor/loop.ts";
import { nativeAddress, nodeAddress } from "./addresses.ts";
import { bindServer, reusesPorts } from "./bind.ts";
import { NodeConnection } from "./connection.ts";
import { Acceptor, NodeListener } from "./listener.ts";
import { BlockPool } from "./outbox.ts";

const EINVAL = errnoNamed("EINVAL")!;
const ENOTSUP = errnoNamed("ENOTSUP")!;
const READ_BYTES_MAX = 32 * 1024;
/** How long one timer holds the process; then comes the next. */
const HOLD_SECONDS = 24 * 3600;

export class NodeEngine extends EngineBase<NodeConnection, NodeListener> {
  readonly blocks = new BlockPool();
  private readonly loop: Loop;
  private readonly acceptors = new Set<Acceptor>();
  private planned: object | undefined;
  private hold: object | undefined;

  constructor(setup: Setup, loop: Loop) {
    super(setup, READ_BYTES_MAX);
    this.loop = loop;
  }

  /** Whether sockets are watched: the engine has been started. */
  get watches(): boolean {
    return this.started;
  }

  listen({ host, port, backlog, reusePort, path }: ListenRequest): number {
    if (path !== undefined) return -ENOTSUP;
    const address = host === "" ? "0.0.0.0" : nodeAddress(host);
    if (isIP(address) === 0) return -EINVAL;
    const acceptor =
      (reusePort ? this.shared(address, port) : undefined) ?? this.open(address, port, backlog, reusePort);
    return typeof acceptor === "number" ? acceptor : this.add(new NodeListener(acceptor));
  }

  resumeAccept(handle: number): void {
    const found = this.table.find(handle);
    if (found instanceof NodeListener && !found.closed) found.acceptor.resume();
  }

  connect({ host, port, bindHost, bindPort, path }: ConnectRequest): number {
    if (path !== undefined) return -ENOTSUP;
    if (isIP(host) === 0) return -EINVAL;
    let socket: Socket;
    try {
      socket = connect({
        host: nodeAddress(host),
        port,
        ...(bindHost === "" ? {} : { localAddress: nodeAddress(bindHost) }),
        ...(bindPort === 0 ? {} : { localPort: bindPort }),
        allowHalfOpen: true,
        noDelay: true,
        autoSelectFamily: false,
      });
    } catch {
      return -EINVAL;
    }
    return this.add(new NodeConnection(this, socket, Phase.CONNECTING, nativeAddress(host, port)!));
  }

  override start(): void {
    super.start();
    this.holdOn();
    this.watchAll();
  }

  override stop(): void {
    super.stop();
    this.loop.cancelLater(this.hold);
    this.hold = undefined;
    this.watchAll();
  }

  destroy(): void {
    this.stop();
    this.dead = true;
    this.loop.cancelSoon(this.planned);
    for (const found of this.table) {
      if (!(found instanceof NodeListener)) {
        if (found.phase !== Phase.CLOSED) found.release();
      } else if (!found.closed) {
        found.unlisten();
        for (const connection of found.waiting.splice(0)) connection.release();
      }
    }
  }

  // --- for connections and listeners ---------------------------------------------------------------------------------

  /** A listener has one more connection. */
  accepted(listener: NodeListener, socket: Socket): void {
    const unknown = listener.localAddress?.[0] === 6 ? "::" : "0.0.0.0";
    listener.waiting.push(new NodeConnection(this, socket, Phase.OPEN, nativeAddress(unknown, 0)!));
    this.acceptLater(listener);
  }

  /** A listener cannot accept. */
  starved(listener: NodeListener, errno: number, again: boolean): void {
    this.push(Completion.LISTENER_ERROR, listener.handle, errno, again ? 2 : 1);
  }

  override released(connection: NodeConnection): void {
    super.released(connection);
    // There is a descriptor again.
    for (const acceptor of this.acceptors) if (acceptor.starving) acceptor.resume();
  }

  forget(acceptor: Acceptor): void {
    this.acceptors.delete(acceptor);
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  protected override plan(): void {
    if (this.started) this.planned ??= this.loop.soon(this.happen);
  }

  protected override isListener(found: NodeConnection | NodeListener): found is NodeListener {
    return found instanceof NodeListener;
  }

  protected override get blocksAllocated(): number {
    return this.blocks.allocated;
  }

  private readonly happen = (): void => {
    this.planned = undefined;
    this.turn();
  };

  private readonly holdOn = (): void => {
    this.hold = this.loop.later(HOLD_SECONDS, this.holdOn, true);
  };

  private open(address: string, port: number, backlog: number, reusePort: boolean): Acceptor | number {
    const bound = bindServer(address, port, backlog, reusePort);
    if (typeof bound === "number") return bound;
    const acceptor = new Acceptor(this, bound.server, bound.handle, reusePort);
    this.acceptors.add(acceptor);
    return acceptor;
  }

  /** Where the kernel cannot share a port, the ports of this engine share a server. */
  private shared(address: string, port: number): Acceptor | undefined {
    if (port === 0 || reusesPorts()) return undefined;
    return [...this.acceptors].find(
      ({ reusePort, localAddress: [, host, number] }) => reusePort && host === address && number === port,
    );
  }

  private watchAll(): void {
    for (const acceptor of this.acceptors) acceptor.watch();
    for (const found of this.table) if (!(found instanceof NodeListener)) found.watch();
  }
}
