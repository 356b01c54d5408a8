/**
 * What is asked of a memcached server, and how its answers are read.
 * @see https://github.com/memcached/memcached/blob/master/doc/protocol.txt
 */
import { Deferred } from "../../internet/defer/deferred.ts";
import { ClientError, ServerError } from "./error.ts";

/** What a line of an answer calls for: nothing, the end of the command, or so many bytes of a value. */
export const MORE = -1;
export const DONE = -2;

/** One command that was sent. */
export abstract class Command<T> {
  /** Fires with the answer. */
  readonly deferred: Deferred<T> = new Deferred<T>();

  /**
   * Take a line of the answer; returns MORE, DONE, or how many bytes of a value follow.
   * @throws ServerError for what is no answer to this command
   */
  abstract take(line: string): number;

  /** There will be no answer. */
  fail(reason: unknown): void {
    this.deferred.errback(reason);
  }

  protected done(result: T): number {
    this.deferred.callback(result);
    return DONE;
  }

  protected refuse(line: string): never {
    throw new ServerError(
      `The memcached server gave an answer that belongs to no command it was sent: ${quote(line)}.`,
    );
  }
}

export function quote(line: string): string {
  return JSON.stringify(line.length <= 80 ? line : `${line.slice(0, 80)}…`);
}

/** A command that is answered by one word. */
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
    if (!/^\d+ *$/.test(line)) this.refuse(line); // memcached pads what became shorter
    const value = Number(line);
    if (Number.isSafeInteger(value)) return this.done(value);
    this.fail(new ClientError(`The value became ${line.trim()}, which no number can hold: read it by get().`));
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

  override take(line: string): number {
    if (line === "END" || line === "RESET" || line === "OK") return this.done(this.#values);
    const [word, name, ...value] = line.split(" ");
    if (word !== "STAT" || name === undefined) this.refuse(line);
    this.#values.set(name, value.join(" "));
    return MORE;
  }
}

/** What is stored under a key. */
export interface Entry {
  readonly flags: number;
  /** Identifies this version of the value; "" when it was not asked for, or there is no value. */
  readonly cas: string;
  /** Null when there is none. */
  readonly value: Buffer | null;
}

const ABSENT: Entry = { flags: 0, cas: "", value: null };

/** `get` and `gets`. */
export class Retrieval<T> extends Command<T> {
  readonly #entries = new Map<string, Entry>();
  readonly #result: (entries: ReadonlyMap<string, Entry>) => T;
  #key = "";
  #flags = 0;
  #cas = "";

  /** @param result makes the result of the entries, of which there is one for each of `keys` */
  constructor(keys: Iterable<string>, result: (entries: ReadonlyMap<string, Entry>) => T) {
    super();
    this.#result = result;
    for (const key of keys) this.#entries.set(key, ABSENT);
  }

  override take(line: string): number {
    if (line === "END") return this.done(this.#result(this.#entries));
    const [word, key = "", flags = "", length = "", cas = ""] = line.split(" ");
    if (word !== "VALUE" || !/^\d+$/.test(flags) || !/^\d+$/.test(length)) this.refuse(line);
    if (!this.#entries.has(key)) {
      throw new ServerError(`The memcached server sent a value of the key ${quote(key)}, which it was not asked for.`);
    }
    this.#key = key;
    this.#flags = Number(flags);
    this.#cas = cas;
    return Number(length);
  }

  /** Take the bytes that take() announced. */
  takeValue(value: Buffer): void {
    this.#entries.set(this.#key, { flags: this.#flags, cas: this.#cas, value });
  }
}
