/**
 * The trace of a simulation, as records of 24 bytes that are hashed as they are written: two runs are equal if their
 * hashes are.
 *
 *     | time (f64) | kind (i32) | subject (i32) | a (i32) | b (i32) |
 *
 * The latest records are kept and can be read as text.
 */
import { createHash } from "node:crypto";
import { getSystemErrorName } from "../../internet/errno.ts";
import { hashText } from "./random.ts";

const RECORDS = 4096;
const BYTES = 24;

/** The kinds of records. The subject is an end of a connection: twice its number, plus 1 for the accepted end. */
export const Kind = {
  /** text: the two addresses */
  CONNECT: 1,
  /** text: the host and port */
  ACCEPT: 2,
  /** a: errno */
  CONNECTED: 3,
  /** a: bytes, b: their hash */
  DATA: 4,
  EOF: 5,
  SHUT: 6,
  /** a: errno, b: how */
  CLOSED: 7,
  /** subject: a host's number */
  TIMER: 8,
  /** text: the fault and its target */
  FAULT: 9,
  /** a: what TLS tells, of TlsEvent */
  TLS: 10,
  /** a: plain bytes that were sealed, b: records of the connection so far */
  SEALED: 11,
} as const;

const WORDS = ",connect,accept,connected,data,eof,shut,closed,timer,fault,tls,sealed".split(",");
const EVENTS = ["established", "asks", "session", "key log"];
const HOW = ["flushed", "aborted", "error"];

export class Trace {
  /** Records so far. */
  count = 0;
  private readonly memory = new ArrayBuffer(RECORDS * BYTES);
  private readonly bytes = new Uint8Array(this.memory);
  private readonly times = new Float64Array(this.memory);
  private readonly words = new Int32Array(this.memory);
  private readonly texts: string[] = new Array(RECORDS).fill("");
  private readonly hash = createHash("sha256");
  /** The number of records that were hashed. */
  private hashed = 0;
  private readonly listener: ((line: string) => void) | undefined;

  /** `listener` gets every record as text, which takes more time than the rest of the simulation. */
  constructor(listener?: (line: string) => void) {
    this.listener = listener;
  }

  add(time: number, kind: number, subject: number, a: number, b: number, text = ""): void {
    const index = this.count++ % RECORDS;
    this.times[index * 3] = time;
    const at = index * 6 + 2;
    this.words[at] = kind;
    this.words[at + 1] = subject;
    this.words[at + 2] = a;
    this.words[at + 3] = text === "" ? b : hashText(text);
    this.texts[index] = text;
    if (this.listener !== undefined) this.listener(this.line(index));
    if (index === RECORDS - 1) this.digestRest();
  }

  /** Pass a log message to the listener. Log messages are not hashed, since some depend on garbage collection. */
  note(time: number, message: string): void {
    this.listener?.(`${time.toFixed(6)} log ${message}`);
  }

  /** The SHA-256 of all records so far, in hexadecimal. */
  digest(): string {
    this.digestRest();
    return this.hash.copy().digest("hex");
  }

  /** The latest records as text, `count` at most. */
  latest(count: number): string[] {
    const kept = Math.min(count, this.count, RECORDS);
    return Array.from({ length: kept }, (_, i) => this.line((this.count - kept + i) % RECORDS));
  }

  private digestRest(): void {
    const start = this.hashed % RECORDS;
    const fresh = this.count - this.hashed;
    if (fresh > 0) this.hash.update(this.bytes.subarray(start * BYTES, (start + fresh) * BYTES));
    this.hashed = this.count;
  }

  private line(index: number): string {
    const at = index * 6 + 2;
    const [kind, subject, a, b] = this.words.subarray(at, at + 4) as unknown as [number, number, number, number];
    const text = this.texts[index]!;
    return `${this.times[index * 3]!.toFixed(6)} ${WORDS[kind]} ${describe(kind, subject, a, b, text)}`.trimEnd();
  }
}

function describe(kind: number, subject: number, a: number, b: number, text: string): string {
  if (kind === Kind.TIMER) return `host ${subject}`;
  if (kind === Kind.FAULT) return text;
  const end = `#${subject >> 1}${(subject & 1) === 0 ? "" : "'"}`;
  switch (kind) {
    case Kind.DATA:
      return `${end} ${a} bytes ${(b >>> 0).toString(16).padStart(8, "0")}`;
    case Kind.CONNECTED:
      return a === 0 ? end : `${end} ${getSystemErrorName(a)}`;
    case Kind.CLOSED:
      return `${end} ${HOW[b]}${a === 0 ? "" : ` ${getSystemErrorName(a)}`}`;
    case Kind.TLS:
      return `${end} ${EVENTS.filter((_, bit) => (a & (1 << bit)) !== 0).join(", ")}`;
    case Kind.SEALED:
      return `${end} ${a} bytes, ${b} records so far`;
    default:
      return `${end} ${text}`;
  }
}
