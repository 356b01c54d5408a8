/** Factories that limit the number of connections. */
import type { Address, ProtocolLike } from "../../internet/interfaces.ts";
import { peerKey } from "../../internet/networks.ts";
import { type Protocol, ServerFactory } from "../../internet/protocol.ts";
import { ProtocolWrapper, WrappingFactory } from "./wrapper.ts";

/**
 * A factory that limits its concurrent connections. The client of a relay counts until its target is lost, too. Excess
 * connections are closed, or get an overflow protocol, which may send an error message.
 */
export class LimitTotalConnectionsFactory extends ServerFactory {
  /** Current connections, including those with an overflow protocol. */
  connectionCount = 0;
  /** Concurrent connections; null: unlimited. */
  connectionLimit: number | null = null;
  /** The class of protocols for excess connections; null: close them at once. */
  overflowProtocol: (new () => Protocol) | null = null;

  override buildProtocol(addr: Address): ProtocolWrapper<Protocol> | null {
    const built = this.#build(addr);
    if (built === null || built === undefined) return null;
    this.connectionCount++;
    return new ProtocolWrapper(this, built);
  }

  /** A connection is made. It has been counted since its protocol was built. */
  registerProtocol(_wrapper: ProtocolWrapper): void {}

  /** A connection is lost, and so is what was connected in its peer's name. */
  unregisterProtocol(_wrapper: ProtocolWrapper): void {
    this.connectionCount--;
  }

  #build(addr: Address): Protocol | null | undefined {
    if (this.connectionLimit === null || this.connectionCount < this.connectionLimit) return super.buildProtocol(addr);
    if (this.overflowProtocol === null) return null;
    const overflowing = new this.overflowProtocol();
    overflowing.factory = this;
    return overflowing;
  }
}

/**
 * Limits the concurrent connections per host; excess ones are closed. The addresses of one /64 network of IPv6 count as one
 * host, since one host may use them all, but for link-local ones; an IPv4-mapped address counts as the IPv4 address. The client
 * of a relay counts until its target is lost, too.
 */
export class LimitConnectionsByPeer<P extends ProtocolLike = ProtocolLike> extends WrappingFactory<P> {
  /** Concurrent connections from one host. */
  maxConnectionsPerPeer = 5;
  /** Current connections by host, an IPv4 address or a network as in `2001:db8:1:2::/64`. Without connections: no entry. */
  readonly peerConnections: Map<string, number> = new Map();
  /** The host that each wrapper was counted for: getPeer() may differ from the address that buildProtocol() got. */
  readonly #hosts = new Map<ProtocolWrapper, string>();

  override buildProtocol(addr: Address): ProtocolWrapper<P> | null {
    const peer = peerKey(addr.host);
    const count = this.peerConnections.get(peer) ?? 0;
    if (count >= this.maxConnectionsPerPeer) {
      this.peerRefused(addr, count);
      return null;
    }
    const wrapper = super.buildProtocol(addr);
    if (wrapper === null) return null;
    this.peerConnections.set(peer, count + 1);
    this.#hosts.set(wrapper, peer);
    return wrapper;
  }

  /** A connection from `addr` is refused, whose peer has `count` already. By default nobody is told. */
  protected peerRefused(_addr: Address, _count: number): void {}

  override unregisterProtocol(wrapper: ProtocolWrapper<P>): void {
    super.unregisterProtocol(wrapper);
    const host = this.#hosts.get(wrapper);
    if (host === undefined) return;
    this.#hosts.delete(wrapper);
    const left = this.peerConnections.get(host)! - 1;
    if (left === 0) this.peerConnections.delete(host);
    else this.peerConnections.set(host, left);
  }
}
