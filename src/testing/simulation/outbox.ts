/**
 * What one end of a simulated connection has written and not sent. With a filter there are two lists:
 *
 *     write ─▶ written ─▶ filter ─▶ sealed ─▶ pipe
 */
import type { FilteredOutbox } from "../../internet/engine/filtering.ts";
import type { Medium } from "./medium.ts";
import type { Pipe } from "./pipe.ts";
import { Occurrence } from "./queue.ts";
import { SegmentList } from "./segment.ts";

/** Seconds until the rest of a partial send is retried. */
const RETRY_SECONDS = 0.001;

export class EndOutbox implements FilteredOutbox {
  private readonly network: Medium;
  private readonly retry: Retry;
  private written = new SegmentList();
  private sealed = new SegmentList();

  /** `again` is called when the rest of a partial send may be sent. */
  constructor(network: Medium, again: { writable(): void }) {
    this.network = network;
    this.retry = new Retry(again);
  }

  /** Bytes that the network has not taken. */
  get bytes(): number {
    return this.written.bytes + this.sealed.bytes;
  }

  get sealedBytes(): number {
    return this.sealed.bytes;
  }

  write(bytes: Uint8Array): void {
    this.network.store.append(this.written, bytes);
  }

  /** From now on there is a filter: what was written before is sent as it is. */
  addFilter(): void {
    this.sealed = this.written;
    this.written = new SegmentList();
  }

  peek(memory: Uint8Array): number {
    return this.written.peek(memory);
  }

  drop(bytes: number): void {
    this.written.drop(bytes);
  }

  appendSealed(bytes: Uint8Array): void {
    this.network.store.append(this.sealed, bytes);
  }

  /** Send what was written, without a filter. False when some is left. */
  sendWritten(out: Pipe): boolean {
    return this.send(this.written, out);
  }

  /** False when some is left. */
  sendSealed(out: Pipe): boolean {
    return this.send(this.sealed, out);
  }

  clearWritten(): void {
    this.written.clear();
  }

  clear(): void {
    this.written.clear();
    this.sealed.clear();
    this.network.queue.cancel(this.retry);
  }

  private send(list: SegmentList, out: Pipe): boolean {
    const { queue, random } = this.network;
    while (list.bytes > 0) {
      const most = Math.min(list.bytes, out.room);
      if (most <= 0) {
        out.wantRoom();
        return false;
      }
      if (random.chance(out.link.settings.partialWrites)) {
        out.send(list, 1 + random.below(most));
        if (list.bytes === 0) break;
        queue.plan(this.retry, queue.now + RETRY_SECONDS * random.next());
        return false;
      }
      out.send(list, most);
    }
    return true;
  }
}

/** Retries the rest of a partial send. */
class Retry extends Occurrence {
  private readonly again: { writable(): void };

  constructor(again: { writable(): void }) {
    super();
    this.again = again;
  }

  override run(): void {
    this.again.writable();
  }
}
