/** Listening ports over servers of node:net. */
import type { Server, Socket } from "node:net";
import type { NativeAddress } from "../../native.ts";
import type { EngineListener } from "../engine/base.ts";
import { nativeAddress } from "./addresses.ts";
import type { TcpHandle } from "./bind.ts";
import type { NodeConnection } from "./connection.ts";
import { descriptorLack } from "./descriptors.ts";
import { errnoOf } from "./errno.ts";

/** Out of descriptors again within so long, it is the same episode. */
const EPISODE_MS = 1000;

/** What a server needs of the engine that it belongs to. */
export interface AcceptorEngine {
  /** Whether sockets are watched: the engine has been started. */
  readonly watches: boolean;
  /** A listener has one more connection. */
  accepted(listener: NodeListener, socket: Socket): void;
  /** A listener cannot accept. */
  starved(listener: NodeListener, errno: number, again: boolean): void;
  forget(acceptor: Acceptor): void;
}

/** One port, as the program knows it. */
export class NodeListener implements EngineListener<NodeConnection> {
  handle = -1;
  closed = false;
  readonly waiting: NodeConnection[] = [];
  readonly acceptor: Acceptor;

  constructor(acceptor: Acceptor) {
    this.acceptor = acceptor;
    acceptor.listeners.push(this);
  }

  get localAddress(): NativeAddress | undefined {
    return this.acceptor.localAddress;
  }

  unlisten(): void {
    this.acceptor.leave(this);
  }
}

/** A server, and the ports that share it: one, or those that were given its number to reuse. */
export class Acceptor {
  /** In turns. */
  readonly listeners: NodeListener[] = [];
  readonly localAddress: NativeAddress;
  readonly reusePort: boolean;
  /** Out of descriptors: it waits for resume(). */
  starving = false;
  private readonly engine: AcceptorEngine;
  private readonly server: Server;
  /** There to pause the server by, where that can be done. */
  private readonly handle: TcpHandle | undefined;
  private episodeEnds = 0;
  private next = 0;

  constructor(engine: AcceptorEngine, server: Server, handle: TcpHandle | undefined, reusePort: boolean) {
    this.engine = engine;
    this.server = server;
    this.handle = handle;
    this.reusePort = reusePort;
    const address = server.address();
    const { address: host, port } =
      typeof address === "object" && address !== null ? address : { address: "", port: 0 };
    this.localAddress = nativeAddress(host, port)!;
    server.unref();
    server.on("connection", (socket) => this.accepted(socket));
    server.on("error", (error) => this.starve(errnoOf(error)));
    handle?.readStart();
    this.watch();
  }

  /** Accept if the engine runs and there are descriptors. */
  watch(): void {
    if (this.engine.watches && !this.starving) this.handle?.readStart();
    else this.handle?.readStop();
  }

  /** Try again whether there is a descriptor. */
  resume(): void {
    if (!this.starving) return;
    const lack = descriptorLack();
    if (lack !== 0) {
      this.starve(lack);
      return;
    }
    this.starving = false;
    this.watch();
  }

  /** A port that shared it is closed. */
  leave(listener: NodeListener): void {
    this.listeners.splice(this.listeners.indexOf(listener), 1);
    if (this.listeners.length > 0) return;
    this.server.close();
    this.engine.forget(this);
  }

  private accepted(socket: Socket): void {
    const listener = this.listeners[this.next++ % this.listeners.length];
    if (listener === undefined) {
      socket.resetAndDestroy();
      return;
    }
    this.engine.accepted(listener, socket);
    const lack = descriptorLack();
    if (lack !== 0) this.starve(lack);
  }

  private starve(errno: number): void {
    const now = performance.now();
    const again = now < this.episodeEnds;
    this.episodeEnds = now + EPISODE_MS;
    this.starving = true;
    this.watch();
    for (const listener of this.listeners) this.engine.starved(listener, errno, again);
  }
}
