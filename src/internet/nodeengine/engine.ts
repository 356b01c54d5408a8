/**
 * The engine over node:net sockets, used where the addon does not load: the counterpart of native/engine/engine.h. Events
 * that the sockets emit within one tick are dispatched to the program at the end of that tick, in one batch.
 *
 * The sockets are unref'ed; a timer keeps the process alive from start() to stop().
 */
import { connect, isIP, type Socket } from "node:net";
import { Completion, type ConnectRequest, type EngineTls, type ListenRequest } from "../../native.ts";
import { EngineBase, type Setup } from "../engine/base.ts";
import { Phase } from "../engine/phase.ts";
import { errnoNamed } from "../errno.ts";
import type { Loop } from "../reactor/loop.ts";
import { nativeAddress, nodeAddress } from "./addresses.ts";
import { bindServer, reusesPorts } from "./bind.ts";
import { NodeConnection } from "./connection.ts";
import { Acceptor, NodeListener } from "./listener.ts";
import { BlockPool } from "./outbox.ts";
import { tlsMaker } from "./tlsmaker.ts";

const EINVAL = errnoNamed("EINVAL")!;
const ENOTSUP = errnoNamed("ENOTSUP")!;
const READ_BYTES_MAX = 32 * 1024;
/** The period of the timer that keeps the process alive. */
const HOLD_SECONDS = 24 * 3600;

export class NodeEngine extends EngineBase<NodeConnection, NodeListener> {
  readonly blocks = new BlockPool();
  private readonly loop: Loop;
  private secured: EngineTls | undefined;
  private readonly acceptors = new Set<Acceptor>();
  private planned: object | undefined;
  private hold: object | undefined;

  constructor(setup: Setup, loop: Loop) {
    super(setup, READ_BYTES_MAX);
    this.loop = loop;
  }

  /** Undefined before the options of TLS are loaded. */
  get tls(): EngineTls | undefined {
    this.secured ??= tlsMaker()?.ofEngine(this);
    return this.secured;
  }

  /** Whether the engine reads from its sockets: true from start() on. */
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
    this.keepProcessAlive();
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
        found.closed = true;
        found.unlisten();
        this.connections--;
        for (const connection of found.waiting.splice(0)) connection.release();
      }
    }
  }

  // --- for TLS -------------------------------------------------------------------------------------------------------

  /** Also one that is closed, until all of its records were read. */
  connection(handle: number): NodeConnection | undefined {
    const found = this.table.find(handle);
    return found instanceof NodeListener ? undefined : found;
  }

  listener(handle: number): NodeListener | undefined {
    const found = this.table.find(handle);
    return found instanceof NodeListener && !found.closed ? found : undefined;
  }

  // --- for connections and listeners ---------------------------------------------------------------------------------

  /** A listener has one more connection to accept. */
  accepted(listener: NodeListener, socket: Socket): void {
    const unknown = listener.localAddress?.[0] === 6 ? "::" : "0.0.0.0";
    const connection = new NodeConnection(this, socket, Phase.OPEN, nativeAddress(unknown, 0)!);
    if (listener.security !== undefined) connection.secure(listener.security);
    listener.waiting.push(connection);
    this.acceptLater(listener);
  }

  /** A listener cannot accept, because of `errno`. */
  starved(listener: NodeListener, errno: number, again: boolean): void {
    this.push(Completion.LISTENER_ERROR, listener.handle, errno, again ? 2 : 1);
    this.lingering.yield();
  }

  override released(connection: NodeConnection): void {
    super.released(connection);
    // A descriptor is free again.
    for (const acceptor of this.acceptors) if (acceptor.starving) acceptor.resume();
  }

  forget(acceptor: Acceptor): void {
    this.acceptors.delete(acceptor);
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  protected override plan(): void {
    if (this.started) this.planned ??= this.loop.soon(this.runTurn);
  }

  protected override isListener(found: NodeConnection | NodeListener): found is NodeListener {
    return found instanceof NodeListener;
  }

  protected override get blocksAllocated(): number {
    return this.blocks.allocated;
  }

  private readonly runTurn = (): void => {
    this.planned = undefined;
    this.turn();
  };

  private readonly keepProcessAlive = (): void => {
    this.hold = this.loop.later(HOLD_SECONDS, this.keepProcessAlive, true);
  };

  private open(address: string, port: number, backlog: number, reusePort: boolean): Acceptor | number {
    const bound = bindServer(address, port, backlog, reusePort);
    if (typeof bound === "number") return bound;
    const acceptor = new Acceptor(this, bound.server, bound.handle, reusePort);
    this.acceptors.add(acceptor);
    return acceptor;
  }

  /** Where libuv does not know SO_REUSEPORT, the ports of this engine share one server instead. */
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
