/** The link from one host to another, with its latency, bandwidth, loss and faults. */
/** How a network behaves between two hosts. Times are seconds, probabilities are from 0 to 1. */
export interface LinkSettings {
  /** The one-way latency. Default 0.001. */
  readonly latency: number;
  /** The maximum random addition to the latency. Segments of one connection stay in order. Default 0. */
  readonly jitter: number;
  /** Bytes per second, shared by all connections of the link. Default Infinity. */
  readonly bandwidth: number;
  /** The probability that a segment is lost. It is retransmitted after 0.2 s, then 0.4 s, and so on. Default 0. */
  readonly loss: number;
  /** The probability that a segment is split in two at a random byte; the parts may be split again. Default 0. */
  readonly fragment: number;
  /** The probability that a segment is held back and merged with the next one. Default 0. */
  readonly coalesce: number;
  /** The probability that a send is partial. Default 0. */
  readonly partialWrites: number;
  /** The probability that a connect is refused although the port listens. Default 0. */
  readonly refuse: number;
  /** The probability that a connect is never answered. Default 0. */
  readonly loseConnect: number;
  /** The window: the most unread bytes in flight per direction. Default 65536. */
  readonly window: number;
  /** Seconds without an acknowledgement after which a side fails with ETIMEDOUT. Default 120. */
  readonly giveUp: number;
}

/** A network without faults: one millisecond of latency. */
export const PLAIN_NETWORK: LinkSettings = {
  latency: 0.001,
  jitter: 0,
  bandwidth: Number.POSITIVE_INFINITY,
  loss: 0,
  fragment: 0,
  coalesce: 0,
  partialWrites: 0,
  refuse: 0,
  loseConnect: 0,
  window: 64 * 1024,
  giveUp: 120,
};

/** A network for finding bugs: fragmentation, coalescing, partial writes and the rest are frequent. */
export const ROUGH_NETWORK: LinkSettings = {
  ...PLAIN_NETWORK,
  latency: 0.05,
  jitter: 0.05,
  loss: 0.01,
  fragment: 0.2,
  coalesce: 0.2,
  partialWrites: 0.1,
  refuse: 0.01,
  loseConnect: 0.01,
};

/** A pipe that waits until a link is open again. */
export interface LinkWaiter {
  resume(): void;
}

export class Link {
  settings: LinkSettings;
  /** When the last segment will have left the sender, given the bandwidth. */
  freeAt = 0;
  /** Nothing gets through, because of a partition, or because the host at the end is down. */
  closed = false;
  private cuts = 0;
  private isDead = false;
  /** Pipes that wait for the link to be open again. */
  private readonly waiting = new Set<LinkWaiter>();

  constructor(settings: LinkSettings) {
    this.settings = settings;
  }

  /** Add one partition between the hosts. */
  cut(): void {
    this.cuts++;
    this.changed();
  }

  /** Remove one partition, or all of them. */
  mend(all = false): void {
    this.cuts = all ? 0 : Math.max(0, this.cuts - 1);
    this.changed();
  }

  /** The host at the end is down. */
  set dead(dead: boolean) {
    this.isDead = dead;
    this.changed();
  }

  /** Have `pipe` resumed when the link is open. */
  wait(pipe: LinkWaiter): void {
    this.waiting.add(pipe);
  }

  forget(pipe: LinkWaiter): void {
    this.waiting.delete(pipe);
  }

  private changed(): void {
    this.closed = this.cuts > 0 || this.isDead;
    if (this.closed) return;
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const pipe of waiting) pipe.resume();
  }
}
