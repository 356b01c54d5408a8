/**
 * One direction of a connection: the bytes that one end has sent and the other has not read.
 *
 *     outbox ──send──▶ [ inFlight, in order of arrival ] ──▶ the receiver's inbox ──read──▶ consumed
 *        ▲              └───────── at most the window ────────────────────┘                    │
 *        └── windowUpdate, if the sender waits for room ◀── the latency of the way back ───────┘
 *
 * A pipe is scheduled for the arrival of the first segment in flight. While its link is closed it stalls; after
 * `giveUp` seconds without an acknowledgement the sender's end fails.
 */
import type { Link } from "./link.ts";
import type { Medium } from "./medium.ts";
import { Occurrence } from "./queue.ts";
import { type Segment, SegmentKind, SegmentList, signal } from "./segment.ts";

const SEGMENT_BYTES_MAX = 16 * 1024;
/** The minimum number of seconds between the parts of a fragmented segment, which arrive in separate ticks. */
const APART = 1e-6;
/** The initial retransmission timeout, in seconds. */
const RESEND_SECONDS = 0.2;
/** The maximum number of seconds until the next retransmission after a partition. */
const RETRY_SECONDS_MAX = 1;

/** The end at either side of a pipe. */
export interface PipeEnd {
  /** The pipe of the other direction. */
  out: Pipe | undefined;
  arrive(segment: Segment, from: Pipe): void;
  /** The SYN was answered by `peer`. */
  answered(peer: PipeEnd): void;
  /** The peer's FIN has arrived. */
  ended(): void;
  reset(): void;
  /** There is room to send. */
  writable(): void;
  /** The acknowledgement timeout has expired. */
  timedOut(): void;
}

export class Pipe extends Occurrence {
  readonly link: Link;
  /** The link on which acknowledgements return. */
  readonly back: Link;
  readonly sender: PipeEnd;
  /** Undefined until the sender's SYN was answered. */
  receiver: PipeEnd | undefined;
  /** Called when the SYN arrives. */
  onSyn: (() => void) | undefined;
  private readonly network: Medium;
  private readonly inFlight = new SegmentList();
  /** Bytes that were sent and not read yet. */
  private unread = 0;
  /** Bytes that were read, but whose acknowledgement cannot reach the sender. */
  private withheld = 0;
  private lastArrival = 0;
  private senderWaits = false;
  private stalledSince = 0;
  private readonly windowUpdate: WindowUpdate;
  private readonly limit: GiveUp;

  constructor(network: Medium, link: Link, back: Link, sender: PipeEnd, receiver?: PipeEnd) {
    super();
    this.network = network;
    this.link = link;
    this.back = back;
    this.sender = sender;
    this.receiver = receiver;
    this.onSyn = undefined;
    this.windowUpdate = new WindowUpdate(this);
    this.limit = new GiveUp(this);
  }

  /** Bytes that may be sent now. */
  get room(): number {
    return this.link.settings.window - this.unread;
  }

  /** Notify the sender when there is room. */
  wantRoom(): void {
    this.senderWaits = true;
  }

  /** Send the first `bytes` of `outbox`. There must be room for them. */
  send(outbox: SegmentList, bytes: number): void {
    const { random } = this.network;
    const { fragment } = this.link.settings;
    this.unread += bytes;
    let left = bytes;
    let apart = 0;
    while (left > 0) {
      const segment = outbox.take(Math.min(left, SEGMENT_BYTES_MAX));
      left -= segment.length;
      while (segment.length > 1 && random.chance(fragment)) {
        this.launch(segment.cut(1 + random.below(segment.length - 1)), apart);
        apart = APART;
      }
      this.launch(segment, apart);
      apart = 0;
    }
  }

  /** Send a segment without bytes. */
  sendSignal(kind: number): void {
    this.launch(signal(kind), 0);
  }

  /** The receiver has read, or discarded, `bytes` bytes. */
  consumed(bytes: number): void {
    if (this.back.closed) {
      this.withheld += bytes;
      this.back.wait(this);
      this.startLimit();
      return;
    }
    this.unread -= bytes;
    if (!this.senderWaits) return;
    this.senderWaits = false;
    const { queue } = this.network;
    queue.plan(this.windowUpdate, queue.now + this.back.settings.latency);
  }

  /** The first segment in flight arrives. */
  run(): void {
    if (this.link.closed) {
      this.stalledSince = this.network.queue.now;
      this.link.wait(this);
      this.startLimit();
      return;
    }
    const { queue, random } = this.network;
    const { inFlight } = this;
    let last = inFlight.head!;
    while (last.next !== undefined && last.next.time <= queue.now) last = last.next;
    const { next } = last;
    if (next === undefined || last.kind !== SegmentKind.DATA || !random.chance(this.link.settings.coalesce)) {
      let segment: Segment;
      do {
        segment = inFlight.shift();
        this.deliver(segment);
      } while (segment !== last && inFlight.head !== undefined); // a delivery may drop all segments in flight
    }
    if (inFlight.head !== undefined && !this.planned) queue.plan(this, (next ?? inFlight.head).time);
  }

  /** The link is open again. */
  resume(): void {
    if (this.link.closed || this.back.closed) {
      (this.link.closed ? this.link : this.back).wait(this);
    } else {
      this.network.queue.cancel(this.limit);
    }
    const { queue, random } = this.network;
    if (!this.link.closed && this.inFlight.head !== undefined && !this.planned) {
      const backoff = random.next() * Math.min(queue.now - this.stalledSince, RETRY_SECONDS_MAX);
      queue.plan(this, queue.now + this.link.settings.latency + backoff);
    }
    if (!this.back.closed && this.withheld > 0) {
      const bytes = this.withheld;
      this.withheld = 0;
      this.consumed(bytes);
    }
  }

  /** Drop all segments in flight. */
  drop(): void {
    const { queue } = this.network;
    this.inFlight.clear();
    queue.cancel(this);
    queue.cancel(this.windowUpdate);
    queue.cancel(this.limit);
    this.link.forget(this);
    this.back.forget(this);
  }

  /** Start the acknowledgement timeout. */
  startLimit(): void {
    const { queue } = this.network;
    if (!this.limit.planned) queue.plan(this.limit, queue.now + this.link.settings.giveUp);
  }

  /** Retransmit a SYN that found the backlog full. */
  repeatSyn(seconds: number): void {
    const { queue } = this.network;
    const again = signal(SegmentKind.SYN);
    again.time = queue.now + seconds;
    this.inFlight.push(again);
  }

  private launch(segment: Segment, apart: number): void {
    const { queue, random } = this.network;
    const { link } = this;
    const { latency, jitter, bandwidth, loss } = link.settings;
    let time = queue.now;
    if (bandwidth !== Number.POSITIVE_INFINITY) {
      link.freeAt = Math.max(link.freeAt, time) + segment.length / bandwidth;
      time = link.freeAt;
    }
    time += latency;
    if (jitter > 0) time += jitter * random.next();
    for (let resend = RESEND_SECONDS; random.chance(loss); resend *= 2) time += resend;
    if (time < this.lastArrival + apart) time = this.lastArrival + apart;
    this.lastArrival = time;
    segment.time = time;
    const first = this.inFlight.head === undefined;
    this.inFlight.push(segment);
    if (first) queue.plan(this, time);
  }

  private deliver(segment: Segment): void {
    const { receiver } = this;
    switch (segment.kind) {
      case SegmentKind.DATA:
        receiver!.arrive(segment, this);
        break;
      case SegmentKind.SYN:
        this.onSyn!();
        break;
      case SegmentKind.SYN_ACK:
        receiver!.answered(this.sender);
        break;
      case SegmentKind.FIN:
        // None was there when the connection was refused, and its sender is gone.
        receiver?.ended();
        break;
      default:
        receiver?.reset();
    }
  }
}

/** Notifies a waiting sender that there is room in the window again. */
class WindowUpdate extends Occurrence {
  private readonly pipe: Pipe;

  constructor(pipe: Pipe) {
    super();
    this.pipe = pipe;
  }

  override run(): void {
    this.pipe.sender.writable();
  }
}

class GiveUp extends Occurrence {
  private readonly pipe: Pipe;

  constructor(pipe: Pipe) {
    super();
    this.pipe = pipe;
  }

  override run(): void {
    this.pipe.drop();
    this.pipe.sender.timedOut();
  }
}
