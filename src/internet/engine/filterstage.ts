/**
 * What a connection with a filter has in addition: the counterpart of native/engine/filter_stage.h.
 *
 *     inbox ─▶ stash (while the program does not read) ─▶ filter ─▶ arena
 *     outbox ─▶ filter ─▶ wire outbox ─▶ network
 */
import type { NativeTlsFilter } from "../../native.ts";
import { copyOf } from "../bytes.ts";

/** Wire bytes of the filter's own above which nothing is received until they are sent. See native/engine/filter.h. */
const OWN_BYTES_MAX = 16 * 1024;
/** Wire bytes that are received while the filter waits for the program's answer, so that the peer's end is noticed. */
const STASH_BYTES_MAX = 32 * 1024;

export class FilterStage {
  readonly filter: NativeTlsFilter;
  /** Filter.close() was called: nothing more is sealed. */
  closing = false;
  /** The peer's FIN was seen. */
  wireEnded = false;
  /** What is stashed is to be opened in the next turn. */
  listed = false;
  /** Nothing is received until the filter's own words were sent. */
  throttled = false;
  private readonly stashed: Uint8Array[] = [];
  private stashedBytes = 0;

  constructor(filter: NativeTlsFilter) {
    this.filter = filter;
  }

  /** There are wire bytes that came, and the program did not want. */
  get stashes(): boolean {
    return this.stashedBytes > 0;
  }

  /** Bytes came that were not told to the program. */
  get unread(): boolean {
    return this.stashes || this.filter.pending() > 0;
  }

  /** Keep a copy of wire bytes for later. */
  stash(wire: Uint8Array): void {
    const bytes = copyOf(wire);
    if (bytes.length === 0) return;
    this.stashed.push(bytes);
    this.stashedBytes += bytes.length;
  }

  takeStash(): Uint8Array {
    const wire = Buffer.concat(this.stashed);
    this.dropStash();
    return wire;
  }

  dropStash(): void {
    this.stashed.length = 0;
    this.stashedBytes = 0;
  }

  /** Whether the filter takes wire bytes. The handshake goes on while the program does not read. */
  opens(reading: boolean): boolean {
    return !this.filter.waits() && (reading || !this.filter.established());
  }

  /** Whether wire bytes are received; `unsentWire`: those that wait in the wire outbox. */
  receives(reading: boolean, unsentWire: number): boolean {
    if (this.wireEnded) return false;
    if (this.filter.waits()) return this.stashedBytes < STASH_BYTES_MAX;
    // New bytes must not overtake those that are stashed.
    if (this.stashes || this.listed) return false;
    this.throttled = unsentWire > 0 && this.filter.unsent() > OWN_BYTES_MAX;
    return !this.throttled && this.opens(reading);
  }
}
