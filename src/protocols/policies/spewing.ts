/** Writes all bytes of connections to the program's log. */
import { encodedOr, ensureBytes } from "../../internet/arguments/writing.ts";
import { bufferOf } from "../../internet/engine/view.ts";
import type { Address, Bytes, ProtocolLike } from "../../internet/interfaces.ts";
import { msg } from "../../logger/log.ts";
import { ProtocolWrapper, WrappingFactory } from "./wrapper.ts";

/** Logs what it receives and what it sends. */
export class SpewingProtocol<P extends ProtocolLike = ProtocolLike> extends ProtocolWrapper<P> {
  override dataReceived(data: Buffer): unknown {
    msg(`Received: ${quoted(data)}`);
    return super.dataReceived(data);
  }

  override write(data: Bytes, encoding?: BufferEncoding, callback?: unknown): void {
    const bytes = encodedOr(data, encoding, callback);
    ensureBytes(bytes);
    msg(`Sending: ${quoted(bytes)}`);
    super.write(bytes);
  }
}

/** Logs everything that the connections of a factory receive and send. For debugging during development. */
export class SpewingFactory<P extends ProtocolLike = ProtocolLike> extends WrappingFactory<P, SpewingProtocol<P>> {
  override wrapProtocol(wrapped: P, _addr: Address): SpewingProtocol<P> {
    return new SpewingProtocol(this, wrapped);
  }
}

/** A line of ASCII for any bytes: a JSON string with one character per byte. */
function quoted(data: Bytes): string {
  const bytes = typeof data === "string" ? Buffer.from(data) : bufferOf(data);
  return JSON.stringify(bytes.toString("latin1")).replace(
    /[\x7f-\xff]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
}
