/** The way from one host to another, with everything that it does to what travels on it. */
/** How a network behaves between two hosts. Times are seconds, probabilities are from 0 to 1. */
export interface LinkSettings {
  /** From one host to the other, one way. Default 0.001. */
  readonly latency: number;
  /** Up to so much more, at random. What one connection sends stays in order. Default 0. */
  readonly jitter: number;
  /** Bytes a second that all connections of the link share. Default Infinity. */
  readonly bandwidth: number;
  /** That a segment is lost, and sent again 0.2 s later, or 0.4 s, and so on. Default 0. */
  readonly loss: number;
  /** That a segment is cut in two, at any byte; the parts are perhaps cut again. Default 0. */
  readonly fragment: number;
  /** That a segment waits for the one behind it, and arrives as one with it. Default 0. */
  readonly coalesce: number;
  /** That a send takes only a part of what was written. Default 0. */
  readonly partialWrites: number;
  /** That a connect is refused though somebody listens. Default 0. */
  readonly refuse: number;
  /** That a connect gets no answer at all. Default 0. */
  readonly loseConnect: number;
  /** Bytes that one side may send before the other has read them. Default 65536. */
  readonly window: number;
  /** Seconds after which a side whose segments are not acknowledged gives up, with ETIMEDOUT. Default 120. */
  readonly giveUp: number;
}

/** A network without surprises: a millisecond from host to host, and nothing breaks. */
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

/** A network to find bugs by: everything that may happen to a stream happens to it often. */
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

/** Waits for a link to be open again. */
export interface LinkWaiter {
  resume(): void;
}

export class Link {
  settings: LinkSettings;
  /** When the last segment has left the sender, as far as bandwidth goes. */
  freeAt = 0;
  /** Nothing gets through, for there is a partition, or the host at the end of it is down. */
  closed = false;
  private cuts = 0;
  private isDead = false;
  /** Pipes that wait for the link to be open again. */
  private readonly waiting = new Set<LinkWaiter>();

  constructor(settings: LinkSettings) {
    this.settings = settings;
  }

  /** One partition more lies between the hosts. */
  cut(): void {
    this.cuts++;
    this.changed();
  }

  /** One partition less, or none at all. */
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
