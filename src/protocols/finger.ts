/** Finger: information about the users of a host. A server and a client. Names follow twisted.protocols.finger. */
import { check, checkOptions, type OptionKinds } from "../internet/arguments/check.ts";
import { clock as clockKind, count, flag, orNull, seconds, text } from "../internet/arguments/kinds.ts";
import { ensureClientEndpoint } from "../internet/arguments/reactors.ts";
import { Deferred, type Outcome } from "../internet/defer/deferred.ts";
import { fail, maybeDeferred } from "../internet/defer/makers.ts";
import { connectProtocol } from "../internet/endpoints/connectprotocol.ts";
import type { ClientEndpoint } from "../internet/endpoints/interfaces.ts";
import { ConnectionDone, SkeinError, TimeoutError } from "../internet/error.ts";
import type { Failure } from "../internet/failure.ts";
import type { Bytes } from "../internet/interfaces.ts";
import { Protocol } from "../internet/protocol.ts";
import { defaultClock } from "../internet/reactor/defaultclock.ts";
import { monotonicClock, type ReactorTime } from "../internet/time.ts";
import { CONTROLS } from "../logger/printable.ts";
import { RefusalsByOwner } from "../logger/refusals.ts";
import { Accumulator } from "./basic/accumulator.ts";
import { LineOnlyReceiver } from "./basic/line.ts";
import { TimeoutMixin } from "./policies/timeout.ts";

/** The result of a hook: the answer or a promise of it; undefined when the hook writes the answer and closes itself. */
export type FingerAnswer = Outcome<Bytes | undefined>;

/** Of the factories. Clients decide how often a query fails. */
const failed = new RefusalsByOwner();
const CONTROL = new RegExp(`[${CONTROLS}]`, "gu");

/**
 * Answers one query and closes. Override getUser(), getDomain() and forwardQuery(), which deny the query by default.
 *
 * A query is `[/W] [user][@host…]`, followed by CR LF or LF. `slashW` is true if it has `/W`, which requests more detail.
 * @see https://www.rfc-editor.org/rfc/rfc1288
 */
export class Finger extends LineOnlyReceiver {
  override delimiter: Bytes = "\n";
  /** The maximum length of a query in bytes. A longer one closes the connection. */
  override MAX_LENGTH = 1024;
  #asked = false;

  override lineReceived(line: Buffer): void {
    if (this.#asked) return;
    this.#asked = true;
    maybeDeferred(() => this.#answer(line.toString().trim()))
      .addCallback((answer) => {
        if (answer !== undefined) this.#send(answer);
      })
      .addErrback((failure) => {
        const refusals = failed.of(this.factory ?? this.constructor);
        refusals.noteError(monotonicClock.seconds(), failure.value, () => "A finger query failed");
        this.#send("The query failed\r\n");
      });
  }

  /** A query for another host. `host` is the last one in the query; `user` may be "", and may contain an `@`. */
  forwardQuery(_slashW: boolean, _user: string, _host: string): FingerAnswer {
    return "Finger forwarding service denied\r\n";
  }

  /** A query for all users who are logged in. */
  getDomain(_slashW: boolean): FingerAnswer {
    return "Finger online list denied\r\n";
  }

  /** A query for one user. */
  getUser(_slashW: boolean, user: string): FingerAnswer {
    return `Login: ${user.replace(CONTROL, "")}\r\nNo such user\r\n`;
  }

  #answer(query: string): FingerAnswer {
    const slashW = /^\/w(?=\s|$)/i.test(query);
    const user = slashW ? query.slice(2).trimStart() : query;
    const at = user.lastIndexOf("@");
    if (at >= 0) return this.forwardQuery(slashW, user.slice(0, at), user.slice(at + 1));
    return user === "" ? this.getDomain(slashW) : this.getUser(slashW, user);
  }

  #send(answer: Bytes): void {
    this.transport.write(answer);
    this.transport.loseConnection();
  }
}

/** The default limit of an answer in bytes. */
const ANSWER_MAX = 1024 * 1024;
/** The default time for a whole answer. */
const ANSWER_SECONDS = 60;

/** Options of a query. */
export interface FingerOptions {
  /** Request more detail by `/W`. Default false. */
  readonly slashW?: boolean;
  /** The maximum length of the answer in bytes. Default 1 MiB. */
  readonly maxLength?: number;
  /**
   * Seconds from when the connection is made until the server must have sent the whole answer and closed, however steadily
   * bytes arrive. Null: no timeout. Default 60.
   */
  readonly timeout?: number | null;
  /** Measures the timeout. Default: the installed reactor. */
  readonly clock?: ReactorTime | null;
}

const OPTIONS: OptionKinds<FingerOptions> = {
  slashW: flag,
  maxLength: count(0),
  timeout: orNull(seconds),
  clock: orNull(clockKind),
};

/** Sends one query. */
export class FingerClient extends TimeoutMixin(Protocol) {
  static override readonly borrows: boolean = true;
  /** Fires with the answer when the server has closed the connection. Cancelling it aborts the connection. */
  readonly answer: Deferred<Buffer> = new Deferred<Buffer>(() => this.transport?.abortConnection());
  readonly #query: string;
  readonly #maxLength: number;
  readonly #timeout: number | null;
  /** The answer received so far. */
  readonly #received = new Accumulator();

  /** @throws SkeinError when `query` contains a line end; TypeError | RangeError */
  constructor(query: string, options: FingerOptions = {}) {
    const call = `new ${new.target.name}(query, options)`;
    check(call, "query", query, text);
    const given = checkOptions<FingerOptions>(call, options, OPTIONS);
    const { slashW = false, maxLength = ANSWER_MAX, timeout = ANSWER_SECONDS, clock = null } = given;
    super();
    if (/[\r\n]/.test(query)) throw new SkeinError("A finger query is one line: it must not contain line ends.");
    this.#query = `${slashW ? (query === "" ? "/W" : "/W ") : ""}${query}\r\n`;
    this.#maxLength = maxLength;
    this.#timeout = timeout;
    this.clock = clock;
  }

  /** @throws NoClockError when there is neither a clock nor an installed reactor, and a timeout */
  override connectionMade(): void {
    this.setTimeout(this.#timeout);
    this.transport.write(this.#query);
  }

  override dataReceived(data: Buffer): void {
    this.#received.add(data);
    if (this.#received.length <= this.#maxLength) return;
    this.#fail(new SkeinError(`The answer is longer than ${this.#maxLength} bytes: increase maxLength to allow it.`));
    this.transport.abortConnection();
  }

  override timeoutConnection(): void {
    this.#fail(new TimeoutError(`The finger server did not complete its answer within ${this.#timeout} seconds.`));
    this.transport.abortConnection();
  }

  override connectionLost(reason: Failure): void {
    super.connectionLost(reason);
    if (reason.check(ConnectionDone) === undefined) this.#fail(reason);
    else if (!this.answer.called) this.answer.callback(this.#received.takeAll());
    this.#received.clear();
  }

  #fail(reason: unknown): void {
    if (!this.answer.called) this.answer.errback(reason);
  }
}

/**
 * Query a finger server. `query` is a user, or "" for all users who are logged in; with a suffix `@host` the server forwards
 * the query to that host. Fires with the answer as received: it is untrusted, and may contain control characters. Fails
 * with a ConnectError, with the reason when the connection is lost, with a TimeoutError when the answer takes too long, and
 * with a TypeError or RangeError for wrong arguments. With a timeout it needs `options.clock` or an installed reactor, and
 * fails with a NoClockError before it connects when there is neither.
 */
export function finger(endpoint: ClientEndpoint, query: string, options: FingerOptions = {}): Deferred<Buffer> {
  let client: FingerClient;
  try {
    ensureClientEndpoint("finger(endpoint, query, options)", endpoint);
    client = new FingerClient(query, options);
    if (options.timeout !== null) client.clock ??= defaultClock();
  } catch (error) {
    return fail(error);
  }
  return connectProtocol(endpoint, client).addCallback(({ answer }) => answer);
}
