/** A FakeTransport for protocols that own what they receive, with half-close and with switches that can be looked at. */
import type { Failure } from "../../src/internet/failure.ts";
import type { Bytes, HalfCloseableProtocol, ProtocolLike } from "../../src/internet/interfaces.ts";
import { FakeTransport } from "./fake-transport.ts";

export class OwningTransport extends FakeTransport {
  /** Who has the connection. */
  current: ProtocolLike | undefined;
  /** How often reading was paused. */
  pauses = 0;
  halfClosed = false;
  #peerEnded = false;

  /** A connection that a protocol of no interest has. */
  static idle(): OwningTransport {
    return new OwningTransport().connect({
      makeConnection() {},
      dataReceived() {},
      connectionLost(_reason: Failure) {},
    });
  }

  override connect(protocol: ProtocolLike): this {
    this.current = protocol;
    return super.connect(protocol);
  }

  override receive(data: Bytes): void {
    this.current?.dataReceived(Buffer.from(data as string));
  }

  override lose(reason?: Error): void {
    this.current = undefined;
    super.lose(reason);
  }

  /** The peer ends its side. */
  end(): void {
    this.#peerEnded = true;
    const { current } = this;
    const tell = (current as Partial<HalfCloseableProtocol> | undefined)?.readConnectionLost;
    if (typeof tell === "function") tell.call(current);
    else this.loseConnection();
  }

  override switchProtocol(next: ProtocolLike): void {
    super.switchProtocol(next);
    if (this.#peerEnded) setImmediate(() => this.current === next && !this.disconnecting && this.end());
  }

  override loseWriteConnection(): void {
    this.halfClosed = true;
  }

  /** Our end is out. */
  endSent(): void {
    (this.current as HalfCloseableProtocol).writeConnectionLost();
  }

  override pauseProducing(): void {
    this.pauses++;
    super.pauseProducing();
  }
}
