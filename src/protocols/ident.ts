/**
 * Whose a TCP connection is: the machine that it comes from may tell. Names follow twisted.protocols.ident.
 * @see https://www.rfc-editor.org/rfc/rfc1413
 */

import { Deferred, type Outcome } from "../internet/defer/deferred.ts";
import { Fifo } from "../internet/defer/fifo.ts";
import { fail, maybeDeferred } from "../internet/defer/makers.ts";
import { ConnectionClosed } from "../internet/error.ts";
import type { Failure } from "../internet/failure.ts";
import type { Bytes } from "../internet/interfaces.ts";
import { err, msg } from "../logger/log.ts";
import { LineOnlyReceiver, LineReceiver } from "./basic/line.ts";
import { IdentError, InvalidPort, identErrorOf } from "./ident/error.ts";
import { type IdentAddress, procLookup } from "./ident/proc.ts";

export { HiddenUser, IdentError, InvalidPort, NoUser } from "./ident/error.ts";
export type { IdentAddress } from "./ident/proc.ts";

/** What an ident server tells: the name of the operating system, as IANA lists it ("UNIX", "OTHER", …), and the user. */
export type Identity = [systemName: string, userId: string];

/** Bytes in a line: RFC 1413, section 5. */
const LINE_MAX = 1000;
const PORT_MAX = 65_535;

/**
 * Answers which users of this machine own connections to the machine that asks. Override lookup(). Queries of one
 * connection are answered one after the other, in their order.
 */
export class IdentServer extends LineReceiver {
  /** The CR before it is stripped with the blanks. */
  override delimiter: Bytes = "\n";
  override MAX_LENGTH = LINE_MAX;

  /**
   * The owner of the connection between `serverAddress`, of this machine, and `clientAddress`, of the one that asks.
   * It fails, or throws, with an IdentError for what is not told; anything else is logged, and told as UNKNOWN-ERROR.
   */
  lookup(_serverAddress: IdentAddress, _clientAddress: IdentAddress): Outcome<Identity> {
    throw new IdentError();
  }

  override lineReceived(line: Buffer): void {
    const ports = /^\s*([+-]?\d+)\s*,\s*([+-]?\d+)\s*$/.exec(line.toString("latin1"));
    if (ports === null) this.invalidQuery();
    else this.validQuery(Number(ports[1]), Number(ports[2]));
  }

  /** A line is no query. Closes the connection. */
  invalidQuery(): void {
    this.transport.loseConnection();
  }

  /** A line is a query, whose ports may still be out of range. */
  validQuery(portOnServer: number, portOnClient: number): void {
    // Paused meanwhile, so that neither the order changes nor queries pile up.
    this.pauseProducing();
    maybeDeferred(() => this.#identify(portOnServer, portOnClient))
      .addCallback(([system, user]) => `USERID : ${field(system)} : ${field(user)}`)
      .addErrback((failure) => `ERROR : ${describe(failure)}`)
      .addCallback((answer) => {
        this.sendLine(`${portOnServer}, ${portOnClient} : ${answer}\r`);
        this.resumeProducing();
      });
  }

  #identify(portOnServer: number, portOnClient: number): Outcome<Identity> {
    if (!isPort(portOnServer) || !isPort(portOnClient)) throw new InvalidPort();
    return this.lookup(
      { host: this.transport.getHost().host, port: portOnServer },
      { host: this.transport.getPeer().host, port: portOnClient },
    );
  }
}

/** Answers by Linux's table of TCP connections, for IPv4. */
export class ProcIdentServer extends IdentServer {
  override lookup(serverAddress: IdentAddress, clientAddress: IdentAddress): Outcome<Identity> {
    return procLookup(serverAddress, clientAddress).then((user): Identity => ["UNIX", user]);
  }
}

function isPort(port: number): boolean {
  return port >= 1 && port <= PORT_MAX;
}

/** What may stand between two colons, or at the end. */
function field(text: string): string {
  if (/[\0\r\n]/.test(text) || Buffer.byteLength(text) > 512) {
    throw new RangeError("A system or user has line ends, NUL characters or more than 512 bytes, and cannot be told.");
  }
  return text;
}

function describe(failure: Failure): string {
  if (failure.value instanceof IdentError) return failure.value.identDescription;
  err(failure.value, "An ident lookup failed");
  return new IdentError().identDescription;
}

interface Query {
  readonly deferred: Deferred<Identity>;
  readonly ports: string;
}

/** Asks an ident server. */
export class IdentClient extends LineOnlyReceiver {
  override MAX_LENGTH = LINE_MAX;
  override delimiter: Bytes = "\n";
  /** The first was sent, the others wait for its answer. */
  readonly #queries = new Fifo<Query>();
  #lost = false;

  /**
   * Whose is the connection between `portOnServer`, of the machine that is asked, and `portOnClient`, of this one? Fails
   * with an IdentError: NoUser, InvalidPort, HiddenUser, or the bare class for anything else, the loss of the connection
   * included.
   */
  lookup(portOnServer: number, portOnClient: number): Deferred<Identity> {
    if (this.#lost)
      return fail(lost(new ConnectionClosed("It was closed before the question was asked: connect anew.")));
    const query: Query = { deferred: new Deferred<Identity>(), ports: `${portOnServer}, ${portOnClient}\r` };
    this.#queries.push(query);
    if (this.#queries.size === 1) this.sendLine(query.ports);
    return query.deferred;
  }

  override lineReceived(line: Buffer): void {
    const query = this.#queries.shift();
    if (query === undefined) {
      msg(`An ident server said something without being asked: ${JSON.stringify(line.toString())}`);
      return;
    }
    // First the next query: a callback may ask another.
    if (this.#queries.size > 0) this.sendLine(this.#queries.peek()!.ports);
    const answer = parseAnswer(line.toString().trimEnd());
    if (answer instanceof IdentError) query.deferred.errback(answer);
    else query.deferred.callback(answer);
  }

  override connectionLost(reason: Failure): void {
    this.#lost = true;
    while (this.#queries.size > 0) this.#queries.shift()!.deferred.errback(lost(reason.value));
  }
}

function lost(cause: unknown): IdentError {
  return new IdentError("The connection to the ident server was lost before it answered.", cause);
}

/** `ports : USERID : system : user`, or `ports : ERROR : word`. A user may hold colons. */
function parseAnswer(line: string): Identity | IdentError {
  const [, kind, ...rest] = line.split(":");
  if (kind?.trim() === "ERROR" && rest.length === 1) return identErrorOf(rest[0]!.trim());
  if (kind?.trim() === "USERID" && rest.length > 1) return [rest[0]!.trim(), rest.slice(1).join(":").trimStart()];
  return new IdentError(`The ident server answered what is no answer: ${JSON.stringify(line)}.`);
}
