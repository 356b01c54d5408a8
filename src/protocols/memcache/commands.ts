/**
 * The commands of memcached, and the parsing of their replies.
 * @see https://github.com/memcached/memcached/blob/master/doc/protocol.txt
 */
import { Deferred } from "../../internet/defer/deferred.ts";
import { quoted } from "../../logger/printable.ts";
import { ClientError, ServerError } from "./error.ts";

/** What follows a line of a reply: more lines (MORE), nothing (DONE), or, if not negative, a value of that many bytes. */
export const MORE = -1;
export const DONE = -2;

/** One command in flight. */
export abstract class Command<T> {
  /** Fires with the result. */
  readonly deferred: Deferred<T> = new Deferred<T>();

  /**
   * Parse a line of the reply.
   * @returns MORE, DONE, or the length of the value that follows
   * @throws ServerError when the line is not a valid reply to this command
   */
  abstract take(line: string): number;

  /** There will be no reply. */
  fail(reason: unknown): void {
    this.deferred.errback(reason);
  }

  protected done(result: T): number {
    this.deferred.callback(result);
    return DONE;
  }

  protected refuse(line: string): never {
    throw new ServerError(`The memcached server sent an invalid reply: ${quote(line)}.`);
  }
}

/** Bytes of a CR LF, which ends lines and values. */
const LINE_END = 2;

/** The most that a text of the server or a key shows of itself in an error, in UTF-16 code units. */
const QUOTE_MAX = 80;

export function quote(line: string): string {
  return quoted(line, QUOTE_MAX);
}

/** The most statistics in one reply, and the length of all their lines in bytes. */
export const STATS_MAX = 16_384;
export const STATS_BYTES_MAX = 1024 * 1024;

/** How large the values of a reply may become, in bytes. */
export interface ValueBounds {
  /** One value. */
  readonly maxValue: number;
  /** All values of one reply, with their lines. */
  readonly maxReply: number;
}

/** A command whose reply is one word. */
export class Verdict extends Command<boolean> {
  readonly #verdicts: Readonly<Record<string, boolean>>;

  constructor(verdicts: Readonly<Record<string, boolean>>) {
    super();
    this.#verdicts = verdicts;
  }

  override take(line: string): number {
    const verdict = Object.hasOwn(this.#verdicts, line) ? this.#verdicts[line] : undefined;
    return verdict === undefined ? this.refuse(line) : this.done(verdict);
  }
}

/** `incr` and `decr`. */
export class Count extends Command<number | false> {
  override take(line: string): number {
    if (line === "NOT_FOUND") return this.done(false);
    if (!/^\d+ *$/.test(line)) this.refuse(line); // memcached pads a number that became shorter
    const value = Number(line);
    if (Number.isSafeInteger(value)) return this.done(value);
    this.fail(new ClientError(`The value became ${line.trim()}, which exceeds the safe integers: read it by get().`));
    return DONE;
  }
}

export class Version extends Command<string> {
  override take(line: string): number {
    return line.startsWith("VERSION ") ? this.done(line.slice(8)) : this.refuse(line);
  }
}

export class Stats extends Command<Map<string, string>> {
  readonly #values = new Map<string, string>();
  #count = 0;
  #bytes = 0;

  override take(line: string): number {
    if (line === "END" || line === "RESET" || line === "OK") return this.done(this.#values);
    const [word, name, ...value] = line.split(" ");
    if (word !== "STAT" || name === undefined) this.refuse(line);
    this.#count++;
    this.#bytes += Buffer.byteLength(line);
    if (this.#count > STATS_MAX || this.#bytes > STATS_BYTES_MAX) {
      throw new ServerError(
        `The memcached server sent more than ${STATS_MAX} statistics, or ${STATS_BYTES_MAX} bytes of them, in one reply.`,
      );
    }
    this.#values.set(name, value.join(" "));
    return MORE;
  }
}

/** The entry of a key. */
export interface Entry {
  readonly flags: number;
  /** Identifies this version of the value; "" when it was not requested or there is no value. */
  readonly cas: string;
  /** Null when there is none. */
  readonly value: Buffer | null;
}

const ABSENT: Entry = { flags: 0, cas: "", value: null };

/** `get` and `gets`. */
export class Retrieval<T> extends Command<T> {
  readonly #entries = new Map<string, Entry>();
  readonly #result: (entries: ReadonlyMap<string, Entry>) => T;
  readonly #bounds: ValueBounds;
  /** Bytes of the lines and values that came, with their ends. */
  #bytes = 0;
  #key = "";
  #flags = 0;
  #cas = "";

  /** @param result converts the entries, one for each of `keys`, none of which occurs twice, to the result */
  constructor(keys: Iterable<string>, bounds: ValueBounds, result: (entries: ReadonlyMap<string, Entry>) => T) {
    super();
    this.#bounds = bounds;
    this.#result = result;
    for (const key of keys) this.#entries.set(key, ABSENT);
  }

  override take(line: string): number {
    if (line === "END") return this.done(this.#result(this.#entries));
    const [word, key = "", flags = "", length = "", cas = ""] = line.split(" ");
    if (word !== "VALUE" || !/^\d+$/.test(flags) || !/^\d+$/.test(length)) this.refuse(line);
    if (!this.#entries.has(key)) {
      throw new ServerError(`The memcached server sent a value of the key ${quote(key)}, which was not requested.`);
    }
    if (this.#entries.get(key) !== ABSENT) {
      throw new ServerError(`The memcached server sent a second value of the key ${quote(key)} in one reply.`);
    }
    this.#ensureBounded(key, Number(length), Buffer.byteLength(line));
    this.#key = key;
    this.#flags = Number(flags);
    this.#cas = cas;
    return Number(length);
  }

  #ensureBounded(key: string, length: number, line: number): void {
    const { maxValue, maxReply } = this.#bounds;
    if (length > maxValue) {
      throw new ServerError(
        `The memcached server announced a value of ${length} bytes of the key ${quote(key)}, more than the ${maxValue} that ` +
          "are accepted: raise maxValue if values are that large.",
      );
    }
    this.#bytes += line + length + 2 * LINE_END;
    if (this.#bytes > maxReply) {
      throw new ServerError(
        `The memcached server announced more than ${maxReply} bytes in one reply: ask for fewer keys at a time, or raise ` +
          "maxReply.",
      );
    }
  }

  /** Store the value whose length take() returned. */
  takeValue(value: Buffer): void {
    this.#entries.set(this.#key, { flags: this.#flags, cas: this.#cas, value });
  }
}
