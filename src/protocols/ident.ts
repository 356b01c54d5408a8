/**
 * Ident: the user who owns a TCP connection, as the remote host identifies it. Names follow twisted.protocols.ident.
 * @see https://www.rfc-editor.org/rfc/rfc1413
 */

import { check } from "../internet/arguments/check.ts";
import { port as portKind } from "../internet/arguments/kinds.ts";
import { Deferred, type Outcome } from "../internet/defer/deferred.ts";
import { Fifo } from "../internet/defer/fifo.ts";
import { fail, maybeDeferred } from "../internet/defer/makers.ts";
import { ConnectionClosed, TimeoutError } from "../internet/error.ts";
import type { Failure } from "../internet/failure.ts";
import type { Bytes } from "../internet/interfaces.ts";
import { defaultClock } from "../internet/reactor/defaultclock.ts";
import { monotonicClock } from "../internet/time.ts";
import { quoted } from "../logger/printable.ts";
import { RefusalsByOwner } from "../logger/refusals.ts";
import { LineOnlyReceiver, LineReceiver } from "./basic/line.ts";
import { IdentError, InvalidPort, identErrorOf } from "./ident/error.ts";
import { type IdentAddress, ownersOn } from "./ident/proc.ts";
import { TimeoutMixin } from "./policies/timeout.ts";

export { HiddenUser, IdentError, InvalidPort, NoUser } from "./ident/error.ts";
export type { IdentAddress } from "./ident/proc.ts";

/** The reply of an ident server: the operating system in IANA's list ("UNIX", "OTHER", …), and the user. */
export type Identity = [systemName: string, userId: string];

// Peers decide how often these are logged. All connections of a clock share them, and so all of a reactor.
const failed = new RefusalsByOwner();
const unasked = new RefusalsByOwner();

/** The maximum length of a line in bytes: RFC 1413, section 5. */
const LINE_MAX = 1000;
const PORT_MAX = 65_535;
/** RFC 1413, section 5, lets a server close after 60 seconds. */
const IDLE_SECONDS = 60;
const SERVED_MAX = 100;
const REPLY_SECONDS = 60;
const WAITING_MAX = 1024;

/**
 * Tells a remote host which users of this machine own its connections. Override lookup(). The queries of a connection are
 * answered one at a time, in order, and it is closed after `maxQueries` of them. The idle timeout is measured by `clock`,
 * which is the installed reactor unless it is set before the connection is made.
 *
 * Whatever an ident server says is a claim of whoever runs it, and no authentication.
 */
export class IdentServer extends TimeoutMixin(LineReceiver) {
  /** The CR before it is stripped together with other whitespace. */
  override delimiter: Bytes = "\n";
  override MAX_LENGTH = LINE_MAX;
  /** Seconds without a complete query, or until lookup() has its answer; then the connection is closed. Null: no timeout. */
  idleTimeOut: number | null = IDLE_SECONDS;
  /** Queries that are answered on one connection. */
  maxQueries: number = SERVED_MAX;
  #served = 0;

  /** @throws NoClockError when there is neither a clock nor an installed reactor, and a timeout */
  override connectionMade(): void {
    this.setTimeout(this.idleTimeOut);
  }

  override timeoutConnection(): void {
    this.transport.abortConnection();
  }

  /**
   * The owner of the connection between `serverAddress`, of this machine, and `clientAddress`, of the remote host. To
   * refuse, throw an IdentError or fail with one; any other error is logged, and sent as UNKNOWN-ERROR.
   */
  lookup(_serverAddress: IdentAddress, _clientAddress: IdentAddress): Outcome<Identity> {
    throw new IdentError();
  }

  override lineReceived(line: Buffer): void {
    this.resetTimeout();
    const ports = /^\s*([+-]?\d{1,9})\s*,\s*([+-]?\d{1,9})\s*$/.exec(line.toString("latin1"));
    if (ports === null) this.invalidQuery();
    else this.validQuery(Number(ports[1]), Number(ports[2]));
  }

  /** A line is not a query. Closes the connection. */
  invalidQuery(): void {
    this.transport.loseConnection();
  }

  /** A line is a query. Its ports may be out of range. */
  validQuery(portOnServer: number, portOnClient: number): void {
    // Paused until the answer is sent: it keeps the order, and bounds the number of queries in memory.
    this.pauseProducing();
    maybeDeferred(() => this.#identify(portOnServer, portOnClient))
      .addCallback(([system, user]) => `USERID : ${field(system)} : ${field(user)}`)
      .addErrback((failure) => `ERROR : ${this.#describe(failure)}`)
      .addCallback((answer) => {
        this.sendLine(`${portOnServer}, ${portOnClient} : ${answer}\r`);
        this.resetTimeout();
        if (++this.#served >= this.maxQueries) this.transport.loseConnection();
        else this.resumeProducing();
      });
  }

  #identify(portOnServer: number, portOnClient: number): Outcome<Identity> {
    if (!isPort(portOnServer) || !isPort(portOnClient)) throw new InvalidPort();
    return this.lookup(
      { host: this.transport.getHost().host, port: portOnServer },
      { host: this.transport.getPeer().host, port: portOnClient },
    );
  }

  #describe(failure: Failure): string {
    if (failure.check(IdentError) !== undefined) return (failure.value as IdentError).identDescription;
    const clock = this.clock ?? monotonicClock;
    failed.of(clock).noteError(clock.seconds(), failure.value, () => "An ident lookup failed");
    return new IdentError().identDescription;
  }
}

/**
 * Looks connections up in Linux's tables of TCP connections: those that are established, between exactly the two addresses
 * that the query came over. The tables are read once a second at most.
 */
export class ProcIdentServer extends IdentServer {
  override lookup(serverAddress: IdentAddress, clientAddress: IdentAddress): Outcome<Identity> {
    const owners = ownersOn(this.clock ?? defaultClock());
    return owners.nameOf(serverAddress, clientAddress).then((user): Identity => ["UNIX", user]);
  }
}

function isPort(port: number): boolean {
  return port >= 1 && port <= PORT_MAX;
}

/** A field of a reply. */
function field(text: string): string {
  if (/[\0\r\n]/.test(text) || Buffer.byteLength(text) > 512) {
    throw new RangeError(
      "A system or user cannot be sent: it contains line ends or NUL characters, or exceeds 512 bytes.",
    );
  }
  return text;
}

interface Query {
  readonly deferred: Deferred<Identity>;
  readonly portOnServer: number;
  readonly portOnClient: number;
}

/**
 * Queries an ident server. What it says is a claim of whoever runs that server, and no authentication. A reply that is not
 * about the ports that were asked for ends the connection: whatever follows might answer another query, too. The timeout is
 * measured by `clock`, which is the installed reactor unless it is set before the connection is made.
 */
export class IdentClient extends TimeoutMixin(LineOnlyReceiver) {
  override MAX_LENGTH = LINE_MAX;
  override delimiter: Bytes = "\n";
  /** Seconds until a query must have its complete reply; then the connection is closed. Null: no timeout. */
  replyTimeOut: number | null = REPLY_SECONDS;
  /** Queries that may wait for their replies. */
  maxQueries: number = WAITING_MAX;
  /** The first query is in flight; the others wait for its reply. */
  readonly #queries = new Fifo<Query>();
  #lost = false;

  /** @throws NoClockError when there is neither a clock nor an installed reactor, and a timeout */
  override connectionMade(): void {
    if (this.replyTimeOut !== null) this.clock ??= defaultClock();
  }

  /**
   * The owner of the connection between `portOnServer` of the ident server's machine and `portOnClient` of this one. Fails
   * with NoUser, InvalidPort or HiddenUser, or with a plain IdentError for any other reason, such as a lost connection, a
   * reply that does not come or is about other ports, or more than `maxQueries` that wait.
   * @throws TypeError | RangeError for what is no port
   */
  lookup(portOnServer: number, portOnClient: number): Deferred<Identity> {
    check("lookup(portOnServer, portOnClient)", "portOnServer", portOnServer, portKind);
    check("lookup(portOnServer, portOnClient)", "portOnClient", portOnClient, portKind);
    if (!this.connected || this.#lost) {
      return fail(lost(new ConnectionClosed("There is no connection to the ident server.")));
    }
    if (this.#queries.size >= this.maxQueries) {
      return fail(
        new IdentError(
          `${this.#queries.size} queries wait for the ident server already: wait for their replies first.`,
        ),
      );
    }
    const query: Query = { deferred: new Deferred<Identity>(), portOnServer, portOnClient };
    this.#queries.push(query);
    if (this.#queries.size === 1) this.#ask(query);
    return query.deferred;
  }

  override lineReceived(line: Buffer): void {
    const query = this.#queries.shift();
    if (query === undefined) {
      const what = (): string =>
        `An ident server sent a line, but no reply is outstanding: ${quoted(line.toString())}. The connection is closed`;
      const clock = this.clock ?? monotonicClock;
      unasked.of(clock).note(clock.seconds(), what);
      this.transport.abortConnection();
      return;
    }
    const reply = line.toString().trimEnd();
    if (!isAbout(reply, query)) {
      this.#lost = true; // for the callbacks
      query.deferred.errback(
        new IdentError(`The ident server sent a reply that is not about the ports of the query: ${quoted(reply)}.`),
      );
      this.#end(new ConnectionClosed("The ident server sent a reply to a query that was not asked."));
      this.transport.abortConnection();
      return;
    }
    // Before the callbacks, which may add queries.
    if (this.#queries.size > 0) this.#ask(this.#queries.peek()!);
    else this.setTimeout(null);
    const answer = parseAnswer(reply);
    if (answer instanceof IdentError) query.deferred.errback(answer);
    else query.deferred.callback(answer);
  }

  override timeoutConnection(): void {
    this.#end(new TimeoutError(`The ident server did not reply within ${this.replyTimeOut} seconds.`));
    this.transport.abortConnection();
  }

  override connectionLost(reason: Failure): void {
    super.connectionLost(reason);
    this.#end(reason.value);
  }

  #ask(query: Query): void {
    this.setTimeout(this.replyTimeOut);
    this.sendLine(`${query.portOnServer}, ${query.portOnClient}\r`);
  }

  #end(reason: unknown): void {
    this.#lost = true;
    while (this.#queries.size > 0) this.#queries.shift()!.deferred.errback(lost(reason));
  }
}

function lost(cause: unknown): IdentError {
  return new IdentError("The connection to the ident server was lost before it replied.", cause);
}

/** Whether a reply begins with the ports of the query. */
function isAbout(reply: string, { portOnServer, portOnClient }: Query): boolean {
  const ports = /^\s*(\d{1,9})\s*,\s*(\d{1,9})\s*:/.exec(reply);
  return ports !== null && Number(ports[1]) === portOnServer && Number(ports[2]) === portOnClient;
}

/** `ports : USERID : system : user`, or `ports : ERROR : word`. A user may contain colons. */
function parseAnswer(line: string): Identity | IdentError {
  const [, kind, ...rest] = line.split(":");
  if (kind?.trim() === "ERROR" && rest.length === 1) return identErrorOf(rest[0]!.trim());
  if (kind?.trim() === "USERID" && rest.length > 1) return [rest[0]!.trim(), rest.slice(1).join(":").trimStart()];
  return new IdentError(`The ident server sent an invalid reply: ${quoted(line)}.`);
}
