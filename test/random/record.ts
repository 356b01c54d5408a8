/**
 * What one end saw, so that two runs can be compared: events by name, and between two of them how many bytes had been
 * received by then and their hash. In how many pieces they came is left out.
 */

/** What one end saw during one step. */
export interface Seen {
  readonly text: string;
  /** Since the lane began: how many events. */
  readonly events: number;
  /** Bytes received by the connection so far. */
  readonly bytes: number;
}

export class Record {
  events = 0;
  /** Bytes received by the connection so far. */
  bytes = 0;
  /** How many bytes had come when it was reset may differ, when the reset overtook some. */
  vague = false;
  /** What its protocol has thrown, as it was told to. */
  readonly thrown = new Set<unknown>();
  #hash = 0;
  #tokens: string[] = [];
  #asides: string[] = [];
  #told = 0;

  /** A new connection begins. */
  begin(): void {
    this.bytes = 0;
    this.#hash = 0;
    this.#told = 0;
    this.vague = false;
  }

  event(name: string): void {
    this.#tellBytes();
    this.#tokens.push(name);
    this.events++;
  }

  /** An event whose place among the others of the same step is left out: the two directions end independently. */
  aside(name: string): void {
    this.#asides.push(name);
    this.events++;
  }

  received(data: Uint8Array): void {
    let hash = this.#hash;
    // Not for...of: that costs ten times as much, and this is most of the time of a run.
    for (let i = 0; i < data.length; i++) hash = (Math.imul(hash, 31) + data[i]!) | 0;
    this.#hash = hash;
    this.bytes += data.length;
  }

  /** What was seen since the last call. */
  take(): Seen {
    this.#tellBytes();
    const text = [...this.#asides, ...this.#tokens].join(" ");
    this.#tokens = [];
    this.#asides = [];
    return { text, events: this.events, bytes: this.vague ? 0 : this.bytes };
  }

  /** Whether everything of `expected` has come. */
  reached(expected: Seen): boolean {
    return this.events >= expected.events && this.bytes >= expected.bytes;
  }

  #tellBytes(): void {
    if (this.bytes === this.#told) return;
    this.#told = this.bytes;
    if (!this.vague) this.#tokens.push(`${this.bytes} bytes (${(this.#hash >>> 0).toString(16)})`);
  }
}
