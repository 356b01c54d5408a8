/** A client of memcached, by its text protocol. Names follow twisted.protocols.memcache. */

import type { Deferred } from "../internet/defer/deferred.ts";
import { Fifo } from "../internet/defer/fifo.ts";
import { fail } from "../internet/defer/makers.ts";
import { ConnectionClosed, TimeoutError } from "../internet/error.ts";
import type { Failure } from "../internet/failure.ts";
import type { Bytes } from "../internet/interfaces.ts";
import { defaultClock } from "../internet/reactor/defaultclock.ts";
import type { ReactorTime } from "../internet/time.ts";
import { LineReceiver } from "./basic/line.ts";
import {
  type Command,
  Count,
  DONE,
  type Entry,
  MORE,
  quote,
  Retrieval,
  Stats,
  Verdict,
  Version,
} from "./memcache/commands.ts";
import { ClientError, NoSuchCommand, ServerError } from "./memcache/error.ts";
import { Gathering } from "./memcache/gathering.ts";
import { TimeoutMixin } from "./policies/timeout.ts";

export { ClientError, NoSuchCommand, ServerError } from "./memcache/error.ts";

/** Where memcached listens. */
export const DEFAULT_PORT = 11211;

/** Flags and value of a key; `[0, null]` when there is none. */
export type Value = [flags: number, value: Buffer | null];
/** The same with what checkAndSet() takes; `[0, "", null]` when there is none. */
export type IdentifiedValue = [flags: number, cas: string, value: Buffer | null];

/** How a client of memcached behaves. */
export interface MemCacheOptions {
  /** Seconds that the server may be silent while it owes an answer, or null for any. Default 60. */
  readonly timeOut?: number | null;
  /** What measures them. Default: the installed reactor. */
  readonly clock?: ReactorTime | null;
}

const TIMEOUT_SECONDS = 60;
/** Bytes of a value that is stored by memcached with its greatest `-I`. */
const VALUE_MAX = 1024 * 1024 * 1024;
// Beyond these memcached refuses the command, but not the value behind it: that would be read as commands.
const FLAGS_MAX = 2 ** 32 - 1;
const TIME_MAX = 2 ** 31 - 1;
const CAS_MAX = 2n ** 64n - 1n;

const STORED = { STORED: true, NOT_STORED: false, EXISTS: false, NOT_FOUND: false };
const DELETED = { DELETED: true, NOT_FOUND: false };
const OK = { OK: true };

/**
 * A connection to a memcached server. Commands may be given at any time: they are answered in their order.
 *
 * Every command's Deferred fails with ClientError for what cannot be asked or was refused, with ServerError, with
 * NoSuchCommand, with TimeoutError when the server is silent for too long, and with what ended the connection. Keys are
 * text of up to 250 bytes in UTF-8 without blanks and control characters.
 */
export class MemCacheProtocol extends TimeoutMixin(LineReceiver) {
  /** Bytes that a key may have. */
  readonly MAX_KEY_LENGTH: number = 250;
  /** Seconds that the server may be silent while it owes an answer, or null for any. */
  persistentTimeOut: number | null;

  /** Commands that were sent, in their order, and are not answered. */
  readonly #current = new Fifo<Command<unknown>>();
  /** Whose value that is. */
  #retrieval: Retrieval<unknown> | null = null;
  /** The value that is being received, with its line end. */
  readonly #value = new Gathering();
  #closed: unknown = null;

  constructor({ timeOut = TIMEOUT_SECONDS, clock = null }: MemCacheOptions = {}) {
    super();
    this.persistentTimeOut = timeOut;
    this.clock = clock;
  }

  // --- to store ------------------------------------------------------------------------------------------------------

  /**
   * Store `value` under `key`. Fires with true.
   * @param flags a number of 32 bits that is kept with the value
   * @param expireTime seconds until the server forgets it, up to 30 days; more is a time since 1970; 0 means never
   */
  set(key: string, value: Bytes, flags = 0, expireTime = 0): Deferred<boolean> {
    return this.#store("set", key, value, flags, expireTime);
  }

  /** The same for a key that has no value. Fires with false when it has one. */
  add(key: string, value: Bytes, flags = 0, expireTime = 0): Deferred<boolean> {
    return this.#store("add", key, value, flags, expireTime);
  }

  /** The same for a key that has a value. Fires with false when it has none. */
  replace(key: string, value: Bytes, flags = 0, expireTime = 0): Deferred<boolean> {
    return this.#store("replace", key, value, flags, expireTime);
  }

  /** The same when the value is still the one that get() identified by `cas`. Fires with false when it is not. */
  checkAndSet(key: string, value: Bytes, cas: string, flags = 0, expireTime = 0): Deferred<boolean> {
    if (!/^\d{1,20}$/.test(cas) || BigInt(cas) > CAS_MAX) {
      return fail(new ClientError(`${quote(cas)} identifies no value: take what get() told.`));
    }
    return this.#store("cas", key, value, flags, expireTime, ` ${cas}`);
  }

  /** Put `value` behind the one that is there. Fires with false when there is none. */
  append(key: string, value: Bytes): Deferred<boolean> {
    return this.#store("append", key, value, 0, 0);
  }

  /** Put `value` before the one that is there. Fires with false when there is none. */
  prepend(key: string, value: Bytes): Deferred<boolean> {
    return this.#store("prepend", key, value, 0, 0);
  }

  /** Forget a key's value. Fires with false when there is none. */
  delete(key: string): Deferred<boolean> {
    return this.#badKey(key) ?? this.#send(new Verdict(DELETED), `delete ${key}\r\n`);
  }

  /** Add `amount` to a decimal number. Fires with the sum, or with false when there is no value. */
  increment(key: string, amount = 1): Deferred<number | false> {
    return this.#count("incr", key, amount);
  }

  /** Subtract `amount` from a decimal number, which does not fall below 0. Fires as increment() does. */
  decrement(key: string, amount = 1): Deferred<number | false> {
    return this.#count("decr", key, amount);
  }

  // --- to retrieve ---------------------------------------------------------------------------------------------------

  /** The value of a key, with what identifies it for checkAndSet() if that is wanted. */
  get(key: string, withIdentifier?: false): Deferred<Value>;
  get(key: string, withIdentifier: true): Deferred<IdentifiedValue>;
  get(key: string, withIdentifier = false): Deferred<Value> | Deferred<IdentifiedValue> {
    return withIdentifier
      ? this.#get("gets", [key], (entries) => identified(entries.get(key)!))
      : this.#get("get", [key], (entries) => plain(entries.get(key)!));
  }

  /** The values of several keys; each of them is in the map. */
  getMultiple(keys: Iterable<string>, withIdentifier?: false): Deferred<Map<string, Value>>;
  getMultiple(keys: Iterable<string>, withIdentifier: true): Deferred<Map<string, IdentifiedValue>>;
  getMultiple(
    keys: Iterable<string>,
    withIdentifier = false,
  ): Deferred<Map<string, Value>> | Deferred<Map<string, IdentifiedValue>> {
    return withIdentifier ? this.#get("gets", [...keys], each(identified)) : this.#get("get", [...keys], each(plain));
  }

  // --- about the server ----------------------------------------------------------------------------------------------

  /** The server's statistics: the general ones, or those that `arg` names. */
  stats(arg = ""): Deferred<Map<string, string>> {
    if (/[\r\n]/.test(arg)) return fail(new ClientError("What stats() asks for is one line: take the line ends out."));
    return this.#send(new Stats(), arg === "" ? "stats\r\n" : `stats ${arg}\r\n`);
  }

  version(): Deferred<string> {
    return this.#send(new Version(), "version\r\n");
  }

  /** Forget everything. Fires with true. */
  flushAll(): Deferred<boolean> {
    return this.#send(new Verdict(OK), "flush_all\r\n");
  }

  // --- the connection ------------------------------------------------------------------------------------------------

  /** @throws NoClockError when there is neither a clock nor an installed reactor, and a timeout */
  override connectionMade(): void {
    if (this.persistentTimeOut !== null) this.clock ??= defaultClock();
  }

  override lineReceived(line: Buffer): void {
    this.resetTimeout();
    const text = line.toString();
    const command = this.#current.peek();
    if (command === undefined) throw new ServerError(`The memcached server said ${quote(text)} without being asked.`);
    const error = errorIn(text);
    if (error !== null) {
      this.#finish();
      command.fail(error);
      return;
    }
    const expected = command.take(text);
    if (expected === DONE) {
      this.#finish();
    } else if (expected !== MORE && command instanceof Retrieval) {
      this.#retrieval = command;
      if (expected > VALUE_MAX) throw new ServerError(`The memcached server announced a value of ${expected} bytes.`);
      this.#value.expect(expected + 2);
      this.setRawMode();
    }
  }

  override rawDataReceived(data: Buffer): void {
    this.resetTimeout();
    const taken = this.#value.add(data);
    if (this.#value.missing > 0) return;
    const value = this.#value.take();
    if (!value.subarray(-2).equals(LINE_END))
      throw new ServerError("The memcached server sent a value without an end.");
    this.#retrieval!.takeValue(value.subarray(0, -2));
    this.setLineMode(data.subarray(taken));
  }

  override timeoutConnection(): void {
    const silence = `The memcached server did not answer for ${this.persistentTimeOut} seconds.`;
    this.#close(new TimeoutError(`${silence} Its connection is closed.`));
    this.transport.abortConnection();
  }

  override connectionLost(reason: Failure): void {
    super.connectionLost(reason);
    this.#close(reason.value);
    this.#value.clear();
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  #store(command: string, key: string, value: Bytes, flags: number, expireTime: number, cas = ""): Deferred<boolean> {
    const bad =
      this.#badKey(key) ?? badNumber("flags", flags, 0, FLAGS_MAX) ?? badNumber("expireTime", expireTime, -1, TIME_MAX);
    if (bad !== undefined) return bad;
    const bytes = typeof value === "string" ? Buffer.from(value) : value;
    const head = `${command} ${key} ${flags} ${expireTime} ${bytes.length}${cas}\r\n`;
    return this.#send(new Verdict(STORED), head, bytes, LINE_END);
  }

  #count(command: string, key: string, amount: number): Deferred<number | false> {
    const bad = this.#badKey(key) ?? badNumber("amount", amount);
    return bad ?? this.#send(new Count(), `${command} ${key} ${amount}\r\n`);
  }

  #get<T>(command: string, keys: string[], result: (entries: ReadonlyMap<string, Entry>) => T): Deferred<T> {
    if (keys.length === 0) return fail(new ClientError("No key was given: name one or more."));
    for (const key of keys) {
      const bad = this.#badKey(key);
      if (bad !== undefined) return bad;
    }
    return this.#send(new Retrieval(keys, result), `${command} ${keys.join(" ")}\r\n`);
  }

  #send<T>(command: Command<T>, ...pieces: Bytes[]): Deferred<T> {
    if (!this.connected || this.#closed !== null) {
      const message = "There is no connection to the memcached server: connect, or connect anew.";
      return fail(new ConnectionClosed(message, this.#closed === null ? {} : { cause: this.#closed }));
    }
    if (this.#current.size === 0) this.setTimeout(this.persistentTimeOut);
    this.#current.push(command as Command<unknown>);
    this.transport.writeSequence(pieces);
    return command.deferred;
  }

  /** The first command is answered. */
  #finish(): void {
    this.#current.shift();
    if (this.#current.size === 0) this.setTimeout(null);
  }

  /** No answer will come any more. */
  #close(reason: unknown): void {
    this.#closed ??= reason;
    while (this.#current.size > 0) this.#current.shift()!.fail(reason);
  }

  #badKey(key: string): Deferred<never> | undefined {
    const length = Buffer.byteLength(key);
    if (length > this.MAX_KEY_LENGTH) {
      return fail(new ClientError(`A key has ${length} bytes, and may have ${this.MAX_KEY_LENGTH}: ${quote(key)}.`));
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    const blank = /[\u0000-\u0020\u007f]/.test(key);
    // Half a character is sent as U+FFFD: all such keys would be one, and the server would answer for none that was asked.
    if (key !== "" && !blank && !/\p{Surrogate}/u.test(key)) return undefined;
    return fail(new ClientError(`A key is whole text without blanks and control characters, unlike ${quote(key)}.`));
  }
}

const LINE_END = Buffer.from("\r\n");

function errorIn(line: string): NoSuchCommand | ClientError | ServerError | null {
  if (line === "ERROR") return new NoSuchCommand();
  if (line.startsWith("CLIENT_ERROR")) return new ClientError(`memcached refused the command: ${line.slice(13)}.`);
  if (line.startsWith("SERVER_ERROR")) return new ServerError(`memcached could not do it: ${line.slice(13)}.`);
  return null;
}

function badNumber(
  name: string,
  value: number,
  least = 0,
  most = Number.MAX_SAFE_INTEGER,
): Deferred<never> | undefined {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return undefined;
  return fail(new ClientError(`${name} is a whole number from ${least} to ${most}, not ${value}.`));
}

function plain({ flags, value }: Entry): Value {
  return [flags, value];
}

function identified({ flags, cas, value }: Entry): IdentifiedValue {
  return [flags, cas, value];
}

function each<T>(convert: (entry: Entry) => T): (entries: ReadonlyMap<string, Entry>) => Map<string, T> {
  return (entries) => new Map([...entries].map(([key, entry]) => [key, convert(entry)]));
}
