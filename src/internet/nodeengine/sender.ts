/** Passes what was written to the socket of a connection, or through its TLS. */
import type { Socket } from "node:net";
import { type BlockPool, Outbox } from "./outbox.ts";
import type { TlsStream } from "./tlsstream.ts";

export class Sender {
  /** The socket holds bytes that the kernel has not accepted yet. */
  sending = false;
  private readonly pool: BlockPool;
  private readonly socket: Socket;
  private readonly emptied: () => void;
  private outbox: Outbox;
  private tls: TlsStream | undefined;

  /** `emptied`: is called when the kernel has accepted all that was passed on, unless send() has seen that. */
  constructor(pool: BlockPool, socket: Socket, emptied: () => void) {
    this.pool = pool;
    this.socket = socket;
    this.emptied = emptied;
    this.outbox = new Outbox(pool);
  }

  /** Bytes that were not passed on. */
  get bytes(): number {
    return this.outbox.bytes;
  }

  /** Bytes that the kernel has not accepted. Of what TLS is sealing, the socket has a part. */
  get pending(): number {
    return this.outbox.bytes + Math.max(this.socket.writableLength, this.tls?.unsent ?? 0);
  }

  append(bytes: Uint8Array): void {
    this.outbox.append(bytes);
  }

  /** What was written until now stays plain; what is written from now on goes through TLS. */
  secure(tls: TlsStream): void {
    if (this.outbox.bytes > 0) for (const chunk of this.outbox.take()) this.socket.write(chunk);
    // The socket may need its blocks for a while.
    this.outbox = new Outbox(this.pool);
    this.sending = false;
    this.tls = tls;
  }

  /** Pass the outbox to the socket, which passes as much as possible to the kernel at once. Not while it is not empty. */
  send(): void {
    const { socket, outbox, tls } = this;
    if (this.sending || socket.destroyed || tls?.established === false) return;
    const chunks = outbox.take();
    const last = chunks.length - 1;
    this.sending = true;
    if (tls !== undefined) {
      tls.write(chunks, this.sealed);
      return;
    }
    socket.cork();
    for (let i = 0; i < last; i++) socket.write(chunks[i]!);
    socket.write(chunks[last]!, this.sent);
    socket.uncork();
    if (socket.writableLength > 0 || socket.errored !== null) return;
    this.sending = false;
    outbox.sent();
  }

  /** Discard what was not passed on. */
  clear(): void {
    this.outbox.clear();
  }

  private readonly sent = (error?: Error | null): void => {
    // Called once per write, some time after the write completed.
    if (error || !this.sending || this.tls !== undefined || this.socket.writableLength > 0) return;
    this.done();
  };

  private readonly sealed = (): void => {
    this.done();
  };

  private done(): void {
    this.sending = false;
    this.outbox.sent();
    this.emptied();
  }
}
