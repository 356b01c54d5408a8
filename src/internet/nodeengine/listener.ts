/** Listening ports over servers of node:net. */
import type { Server, Socket } from "node:net";
import type { NativeAddress, TlsRequest } from "../../native.ts";
import type { EngineListener } from "../engine/base.ts";
import { nativeAddress } from "./addresses.ts";
import type { TcpHandle } from "./bind.ts";
import type { NodeConnection } from "./connection.ts";
import { descriptorLack } from "./descriptors.ts";
import { errnoOf, isPeerGone } from "./errno.ts";

/** Running out of descriptors again within this time counts as the same episode. */
const EPISODE_MS = 1000;

/** The part of the engine that a server uses. */
export interface AcceptorEngine {
  /** Whether the engine reads from its sockets: true from start() on. */
  readonly watches: boolean;
  /** A listener has one more connection to accept. */
  accepted(listener: NodeListener, socket: Socket): void;
  /** A listener cannot accept, because of `errno`. */
  starved(listener: NodeListener, errno: number, again: boolean): void;
  forget(acceptor: Acceptor): void;
}

/** One port, as the program knows it. */
export class NodeListener implements EngineListener<NodeConnection> {
  handle = -1;
  closed = false;
  readonly waiting: NodeConnection[] = [];
  readonly acceptor: Acceptor;
  /** The TLS of what it accepts. */
  security: TlsRequest | undefined;

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

/** One server, and the ports that share it by `reusePort`; usually one. */
export class Acceptor {
  /** Connections are distributed round-robin. */
  readonly listeners: NodeListener[] = [];
  readonly localAddress: NativeAddress;
  readonly reusePort: boolean;
  /** Paused for lack of descriptors, until resume(). */
  starving = false;
  private readonly engine: AcceptorEngine;
  private readonly server: Server;
  /** The handle by which accepting can be paused, where that is possible. */
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
    server.on("error", (error) => {
      if (!isPeerGone(error)) this.starve(errnoOf(error));
    });
    handle?.readStart();
    this.watch();
  }

  /** Accept if the engine runs and there are descriptors. */
  watch(): void {
    if (this.engine.watches && !this.starving) this.handle?.readStart();
    else this.handle?.readStop();
  }

  /** Resume accepting if a descriptor is available. */
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

  /** Remove a closed port; the last one closes the server. */
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
