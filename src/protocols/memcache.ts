/** A client of memcached that speaks its text protocol. Names follow twisted.protocols.memcache. */
import { check } from "../internet/arguments/check.ts";
import * as kinds from "../internet/arguments/kinds.ts";
import { sentLength } from "../internet/bytes.ts";
import type { Deferred } from "../internet/defer/deferred.ts";
import { Fifo } from "../internet/defer/fifo.ts";
import { fail } from "../internet/defer/makers.ts";
import { ConnectionClosed, TimeoutError } from "../internet/error.ts";
import type { Failure } from "../internet/failure.ts";
import type { Bytes } from "../internet/interfaces.ts";
import { defaultClock } from "../internet/reactor/defaultclock.ts";
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
  type ValueBounds,
  Verdict,
  Version,
} from "./memcache/commands.ts";
import { ClientError, errorIn, ServerError } from "./memcache/error.ts";
import { ensureMemCacheOptions, type MemCacheOptions } from "./memcache/options.ts";
import { MessageBuffer } from "./messagebuffer.ts";
import { TimeoutMixin } from "./policies/timeout.ts";

export { ClientError, NoSuchCommand, ServerError } from "./memcache/error.ts";
export type { MemCacheOptions } from "./memcache/options.ts";

/** The port of memcached. */
export const DEFAULT_PORT = 11211;

/** Flags and value of a key; `[0, null]` when there is none. */
export type Value = [flags: number, value: Buffer | null];
/** The same with the identifier for checkAndSet(); `[0, "", null]` when there is none. */
export type IdentifiedValue = [flags: number, cas: string, value: Buffer | null];

// Above these limits memcached rejects the command, and would parse the value that follows it as commands.
const FLAGS_MAX = 2 ** 32 - 1;
const TIME_MAX = 2 ** 31 - 1;
const CAS_MAX = 2n ** 64n - 1n;

const STORED = { STORED: true, NOT_STORED: false, EXISTS: false, NOT_FOUND: false };
const DELETED = { DELETED: true, NOT_FOUND: false };
const OK = { OK: true };

/**
 * A connection to a memcached server. Commands are pipelined: you can send one at any time, and they are answered in order.
 *
 * The Deferred of a command fails with ClientError when the arguments are out of range or the server rejected the command,
 * with ServerError, with NoSuchCommand, with TimeoutError when the server does not reply in time, and with the reason when
 * the connection is lost. Arguments of another type make the call throw a TypeError. A key is a string of up to 250 bytes
 * in UTF-8 without any character that Unicode counts as a separator or as other than a character: spaces of all widths,
 * control and format characters, private use, unassigned, lone surrogates.
 *
 * A server that breaks the protocol, or sends more than the options allow, loses the connection with a ServerError.
 */
export class MemCacheProtocol extends TimeoutMixin(LineReceiver) {
  /** The maximum length of a key in bytes. */
  readonly MAX_KEY_LENGTH: number = 250;
  /** Seconds without data from the server while a reply is outstanding; null: no timeout. */
  persistentTimeOut: number | null;

  readonly #replyTimeOut: number | null;
  readonly #maxInFlight: number;
  readonly #bounds: ValueBounds;
  /** When the first command in flight became the first. */
  #since = 0;
  /** Commands in flight, in order. */
  readonly #current = new Fifo<Command<unknown>>();
  /** The command whose value is being received. */
  #retrieval: Retrieval<unknown> | null = null;
  /** The value being received, with its CR LF. */
  readonly #value = new MessageBuffer();
  #closed: unknown = null;

  /** @throws TypeError | RangeError */
  constructor(options: MemCacheOptions = {}) {
    const call = `new ${new.target.name}(options)`;
    const { timeOut, replyTimeOut, bounds, maxInFlight, clock } = ensureMemCacheOptions(call, options);
    super();
    this.persistentTimeOut = timeOut;
    this.#replyTimeOut = replyTimeOut;
    this.#maxInFlight = maxInFlight;
    this.#bounds = bounds;
    this.clock = clock;
  }

  // --- storage -------------------------------------------------------------------------------------------------------

  /**
   * Store `value` under `key`. Fires with true.
   * @param flags 32 bits that are stored with the value
   * @param expireTime seconds until the value expires, up to 30 days; a larger number is a Unix time; 0: never
   */
  set(key: string, value: Bytes, flags = 0, expireTime = 0): Deferred<boolean> {
    return this.#store("set", key, value, flags, expireTime);
  }

  /** Store a value if the key has none. Fires with false otherwise. */
  add(key: string, value: Bytes, flags = 0, expireTime = 0): Deferred<boolean> {
    return this.#store("add", key, value, flags, expireTime);
  }

  /** Store a value if the key has one. Fires with false otherwise. */
  replace(key: string, value: Bytes, flags = 0, expireTime = 0): Deferred<boolean> {
    return this.#store("replace", key, value, flags, expireTime);
  }

  /** Store a value if the present one still has the identifier `cas` that get() returned. Fires with false otherwise. */
  checkAndSet(key: string, value: Bytes, cas: string, flags = 0, expireTime = 0): Deferred<boolean> {
    check("checkAndSet(key, value, cas)", "cas", cas, kinds.text);
    if (!/^\d{1,20}$/.test(cas) || BigInt(cas) > CAS_MAX) {
      return fail(new ClientError(`${quote(cas)} is not an identifier of a value: pass the one that get() returned.`));
    }
    return this.#store("cas", key, value, flags, expireTime, ` ${cas}`);
  }

  /** Append to the present value. Fires with false when there is none. */
  append(key: string, value: Bytes): Deferred<boolean> {
    return this.#store("append", key, value, 0, 0);
  }

  /** Prepend to the present value. Fires with false when there is none. */
  prepend(key: string, value: Bytes): Deferred<boolean> {
    return this.#store("prepend", key, value, 0, 0);
  }

  /** Delete the value of a key. Fires with false when there is none. */
  delete(key: string): Deferred<boolean> {
    return this.#badKey("delete(key)", key) ?? this.#send(new Verdict(DELETED), `delete ${key}\r\n`);
  }

  /** Add `amount` to a value that is a decimal number. Fires with the sum, or with false when there is no value. */
  increment(key: string, amount = 1): Deferred<number | false> {
    return this.#count("incr", key, amount);
  }

  /** Subtract `amount` from a value that is a decimal number; the result is at least 0. Fires as increment() does. */
  decrement(key: string, amount = 1): Deferred<number | false> {
    return this.#count("decr", key, amount);
  }

  // --- retrieval -----------------------------------------------------------------------------------------------------

  /** The value of a key; with its identifier for checkAndSet() if `withIdentifier` is true. */
  get(key: string, withIdentifier?: false): Deferred<Value>;
  get(key: string, withIdentifier: true): Deferred<IdentifiedValue>;
  get(key: string, withIdentifier = false): Deferred<Value> | Deferred<IdentifiedValue> {
    check("get(key, withIdentifier)", "withIdentifier", withIdentifier, kinds.flag);
    return withIdentifier
      ? this.#get("gets", [key], (entries) => identified(entries.get(key)!))
      : this.#get("get", [key], (entries) => plain(entries.get(key)!));
  }

  /** The values of several keys. The map has an entry for each of them. */
  getMultiple(keys: Iterable<string>, withIdentifier?: false): Deferred<Map<string, Value>>;
  getMultiple(keys: Iterable<string>, withIdentifier: true): Deferred<Map<string, IdentifiedValue>>;
  getMultiple(
    keys: Iterable<string>,
    withIdentifier = false,
  ): Deferred<Map<string, Value>> | Deferred<Map<string, IdentifiedValue>> {
    const call = "getMultiple(keys, withIdentifier)";
    check(call, "keys", keys, kinds.iterable);
    check(call, "withIdentifier", withIdentifier, kinds.flag);
    const once = [...new Set(keys)]; // a server answers a key as often as it is asked for it
    return withIdentifier ? this.#get("gets", once, each(identified)) : this.#get("get", once, each(plain));
  }

  // --- the server ----------------------------------------------------------------------------------------------------

  /** The server's statistics: the general ones, or the group that `arg` names. */
  stats(arg = ""): Deferred<Map<string, string>> {
    check("stats(arg)", "arg", arg, kinds.text);
    if (/\p{C}/u.test(arg)) {
      return fail(
        new ClientError(`The argument of stats() must be text without control characters, unlike ${quote(arg)}.`),
      );
    }
    return this.#send(new Stats(), arg === "" ? "stats\r\n" : `stats ${arg}\r\n`);
  }

  version(): Deferred<string> {
    return this.#send(new Version(), "version\r\n");
  }

  /** Delete all values. Fires with true. */
  flushAll(): Deferred<boolean> {
    return this.#send(new Verdict(OK), "flush_all\r\n");
  }

  // --- the connection ------------------------------------------------------------------------------------------------

  /** @throws NoClockError when there is neither a clock nor an installed reactor, and a timeout */
  override connectionMade(): void {
    if (this.persistentTimeOut !== null || this.#replyTimeOut !== null) this.clock ??= defaultClock();
  }

  override lineReceived(line: Buffer): void {
    if (!this.#progress()) return;
    const text = line.toString();
    const command = this.#current.peek();
    if (command === undefined)
      throw new ServerError(`The memcached server sent ${quote(text)}, but no reply is outstanding.`);
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
      this.#value.expect(expected + 2);
      this.setRawMode();
    }
  }

  override lineLengthExceeded(line: Buffer): void {
    throw new ServerError(
      `The memcached server sent a line of more than ${this.MAX_LENGTH} bytes: ${quote(line.toString("utf8", 0, 1024))}.`,
    );
  }

  override rawDataReceived(data: Buffer): void {
    if (!this.#progress()) return;
    const taken = this.#value.add(data);
    if (this.#value.missing > 0) return;
    const value = this.#value.take();
    if (!value.subarray(-2).equals(LINE_END))
      throw new ServerError("The memcached server sent a value that does not end with CR LF.");
    this.#retrieval!.takeValue(value.subarray(0, -2));
    this.setLineMode(data.subarray(taken));
  }

  override timeoutConnection(): void {
    this.#giveUp(`did not reply for ${this.persistentTimeOut} seconds`);
  }

  override connectionLost(reason: Failure): void {
    super.connectionLost(reason);
    this.#close(reason.value);
    this.#value.clear();
  }

  // --- internals -----------------------------------------------------------------------------------------------------

  #store(command: string, key: string, value: Bytes, flags: number, expireTime: number, cas = ""): Deferred<boolean> {
    const call = `${METHODS[command] ?? command}(key, value, flags, expireTime)`;
    check(call, "value", value, kinds.bytes);
    check(call, "flags", flags, NUMBER);
    check(call, "expireTime", expireTime, NUMBER);
    const bad =
      this.#badKey(call, key) ??
      badNumber("flags", flags, 0, FLAGS_MAX) ??
      badNumber("expireTime", expireTime, -1, TIME_MAX);
    if (bad !== undefined) return bad;
    const head = `${command} ${key} ${flags} ${expireTime} ${sentLength(value)}${cas}\r\n`;
    return this.#send(new Verdict(STORED), head, value, LINE_END);
  }

  #count(command: string, key: string, amount: number): Deferred<number | false> {
    const call = `${METHODS[command]}(key, amount)`;
    check(call, "amount", amount, NUMBER);
    const bad = this.#badKey(call, key) ?? badNumber("amount", amount);
    return bad ?? this.#send(new Count(), `${command} ${key} ${amount}\r\n`);
  }

  #get<T>(command: string, keys: string[], result: (entries: ReadonlyMap<string, Entry>) => T): Deferred<T> {
    if (keys.length === 0) return fail(new ClientError("getMultiple() needs at least one key."));
    for (const key of keys) {
      const bad = this.#badKey("get(key)", key);
      if (bad !== undefined) return bad;
    }
    return this.#send(new Retrieval(keys, this.#bounds, result), `${command} ${keys.join(" ")}\r\n`);
  }

  #send<T>(command: Command<T>, ...pieces: Bytes[]): Deferred<T> {
    if (!this.connected || this.#closed !== null) {
      const message = "There is no connection to the memcached server.";
      return fail(new ConnectionClosed(message, this.#closed === null ? {} : { cause: this.#closed }));
    }
    if (this.#current.size >= this.#maxInFlight) {
      return fail(
        new ClientError(
          `${this.#current.size} commands wait for replies already: wait for some, or raise maxInFlight.`,
        ),
      );
    }
    if (this.#current.size === 0) {
      this.setTimeout(this.persistentTimeOut);
      this.#start();
    }
    this.#current.push(command as Command<unknown>);
    this.transport.writeSequence(pieces);
    return command.deferred;
  }

  /** The first command in flight has its reply. */
  #finish(): void {
    this.#current.shift();
    if (this.#current.size === 0) this.setTimeout(null);
    else this.#start();
  }

  /** Another command is the first without its reply. */
  #start(): void {
    if (this.#replyTimeOut !== null) this.#since = this.#now();
  }

  /**
   * Bytes of the first reply have arrived, which restarts the idle timeout. So that a server which sends one from time to
   * time does not hold its client forever, the whole reply has a time as well: it needs no timer, since without bytes the
   * idle timeout expires.
   * @returns whether the reply may go on
   */
  #progress(): boolean {
    const most = this.#replyTimeOut;
    if (most !== null && this.#current.size > 0 && this.#now() - this.#since > most) {
      this.#giveUp(`did not complete a reply within ${most} seconds`);
      return false;
    }
    this.resetTimeout();
    return true;
  }

  #now(): number {
    return this.clock?.seconds() ?? 0;
  }

  #giveUp(why: string): void {
    this.#close(new TimeoutError(`The memcached server ${why}: the connection is closed.`));
    this.transport.abortConnection();
  }

  /** No more replies will come. */
  #close(reason: unknown): void {
    this.#closed ??= reason;
    while (this.#current.size > 0) this.#current.shift()!.fail(reason);
  }

  #badKey(call: string, key: string): Deferred<never> | undefined {
    check(call, "key", key, kinds.text);
    const length = Buffer.byteLength(key);
    if (length > this.MAX_KEY_LENGTH) {
      return fail(
        new ClientError(`A key has ${length} bytes, more than the ${this.MAX_KEY_LENGTH} allowed: ${quote(key)}.`),
      );
    }
    // Of what \p{C} matches, a lone surrogate is encoded as U+FFFD: different keys would become the same one.
    if (key !== "" && !/[\p{Z}\p{C}]/u.test(key)) return undefined;
    return fail(
      new ClientError(
        `A key must be text without spaces and control, format, private and unassigned characters, unlike ${quote(key)}.`,
      ),
    );
  }
}

const LINE_END = Buffer.from("\r\n");

/** The methods whose names differ from their commands. */
const METHODS: Readonly<Record<string, string>> = { cas: "checkAndSet", incr: "increment", decr: "decrement" };

/** Any number: one that is out of range is a ClientError. */
const NUMBER: kinds.Kind = { accepts: "a number", typed: (value) => typeof value === "number" };

function badNumber(
  name: string,
  value: number,
  least = 0,
  most = Number.MAX_SAFE_INTEGER,
): Deferred<never> | undefined {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return undefined;
  return fail(new ClientError(`${name} must be an integer from ${least} to ${most}, not ${value}.`));
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
