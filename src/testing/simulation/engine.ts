/**
 * The engine of one program of a simulated host, over a {@link Network}.
 *
 * It runs a turn when bytes or a FIN have arrived, or the program has written.
 */
import type { Setup } from "../../internet/engine/base.ts";
import { FilteringEngine } from "../../internet/engine/filtering.ts";
import { FilterTls } from "../../internet/engine/filtertls.ts";
import { errnoNamed } from "../../internet/errno.ts";
import type { ConnectRequest, EngineTls, ListenRequest } from "../../native.ts";
import type { End } from "./end.ts";
import { Listener } from "./listener.ts";
import type { Machine } from "./machine.ts";
import type { Medium } from "./medium.ts";
import { Occurrence } from "./queue.ts";
import { simulatedTls } from "./tls.ts";
import { Kind } from "./trace.ts";

const EADDRINUSE = errnoNamed("EADDRINUSE")!;
const EADDRNOTAVAIL = errnoNamed("EADDRNOTAVAIL")!;
const EINVAL = errnoNamed("EINVAL")!;
const ENOTSUP = errnoNamed("ENOTSUP")!;
const READ_BYTES_MAX = 16 * 1024;
const LOOPBACK = "127.0.0.1";

/** The sizes of records and arena: about 36 KiB per host. */
export const SIMULATED_SIZES = { records: 256, arenaBytes: 32 * 1024 } as const;

/** The part of the network that an engine uses. */
export interface EngineNetwork extends Medium {
  connect(engine: SimulatedEngine, local: readonly [string, number], address: string, port: number): End;
  /** Remove a closed end from the list of connections. */
  delist(end: End): void;
}

export class SimulatedEngine extends FilteringEngine<End, Listener> {
  readonly tls: EngineTls = new FilterTls(this, simulatedTls);
  readonly network: EngineNetwork;
  readonly host: Machine;
  private readonly listeners = new Set<Listener>();
  private readonly nextTurn: NextTurn;

  constructor(network: EngineNetwork, host: Machine, setup: Setup) {
    super(setup, READ_BYTES_MAX);
    this.network = network;
    this.host = host;
    this.nextTurn = new NextTurn(this);
  }

  // --- NativeEngine --------------------------------------------------------------------------------------------------

  listen({ host, port, backlog, reusePort, path }: ListenRequest): number {
    if (path !== undefined) return -ENOTSUP;
    if (!/^$|^::$|^\d+\.\d+\.\d+\.\d+$/.test(host)) return -EINVAL;
    const any = host === "" || host === "::" || host === "0.0.0.0";
    if (!any && !this.host.owns(host)) return -EADDRNOTAVAIL;
    const { ports } = this.host;
    const chosen = port === 0 ? ports.free() : port;
    const listener = new Listener(this, any ? "" : host, chosen, backlog, reusePort);
    if (!ports.open(listener)) return -EADDRINUSE;
    this.listeners.add(listener);
    return this.add(listener);
  }

  /** Simulated descriptors never run out, so no listener is ever paused. */
  resumeAccept(): void {}

  connect({ host, port, bindHost, bindPort, path }: ConnectRequest): number {
    if (path !== undefined) return -ENOTSUP;
    if (bindHost !== "" && !this.host.owns(bindHost)) return -EADDRNOTAVAIL;
    const localHost = bindHost || (leavesHost(host) ? this.host.address : LOOPBACK);
    const local = [localHost, bindPort === 0 ? this.host.ports.free() : bindPort] as const;
    return this.add(this.network.connect(this, local, host, port));
  }

  /**
   * The program has ended: its host's kernel closes its connections. If the host itself is down, they are dropped
   * silently.
   */
  destroy(): void {
    if (this.dead) return;
    this.dead = true;
    this.started = false;
    const end = (gone: End) => (this.host.up ? gone.abandon() : gone.dropSilently());
    for (const found of this.table) if (!(found instanceof Listener)) end(found);
    for (const listener of this.listeners) {
      this.host.ports.close(listener);
      this.connections--;
      for (const waiting of listener.waiting) end(waiting);
    }
    for (const lingering of [...this.lingering]) end(lingering);
    this.listeners.clear();
    this.network.queue.cancel(this.nextTurn);
  }

  // --- for the ends and listeners ------------------------------------------------------------------------------------

  record(kind: number, subject: number, a: number, b: number): void {
    this.network.record(kind, subject, a, b);
  }

  protected override opened({ subject }: End, memory: Uint8Array, at: number, length: number): void {
    this.network.recordBytes(Kind.DATA, subject, memory, at, length);
  }

  protected override sealed({ subject, stage }: End, length: number): void {
    this.record(Kind.SEALED, subject, length, stage!.filter.agreed()?.records ?? 0);
  }

  protected override told({ subject }: End, events: number): void {
    this.record(Kind.TLS, subject, events, 0);
  }

  override released(end: End): void {
    this.network.delist(end);
    super.released(end);
  }

  unlisten(listener: Listener): void {
    this.listeners.delete(listener);
    this.host.ports.close(listener);
  }

  // --- the turn ------------------------------------------------------------------------------------------------------

  /** Run a turn, or postpone it while the host is frozen. */
  runTurn(): void {
    const { queue } = this.network;
    if (this.started && this.host.frozenUntil > queue.now) queue.plan(this.nextTurn, this.host.frozenUntil);
    else this.turn();
  }

  protected override plan(): void {
    const { queue } = this.network;
    if (!this.nextTurn.planned) queue.plan(this.nextTurn, queue.now);
  }

  protected override isListener(found: End | Listener): found is Listener {
    return found instanceof Listener;
  }
}

/** False for an address of the host's loopback interface. */
function leavesHost(address: string): boolean {
  return !address.startsWith("127.") && address !== "0.0.0.0";
}

/** Schedules the next turn of an engine. */
class NextTurn extends Occurrence {
  private readonly engine: SimulatedEngine;

  constructor(engine: SimulatedEngine) {
    super();
    this.engine = engine;
  }

  override run(): void {
    this.engine.runTurn();
  }
}
