/** Who is on a machine, and what of them: a server and a client. Names follow twisted.protocols.finger. */
import { Deferred, type Outcome } from "../internet/defer/deferred.ts";
import { fail, maybeDeferred } from "../internet/defer/makers.ts";
import { connectProtocol } from "../internet/endpoints/connectprotocol.ts";
import type { ClientEndpoint } from "../internet/endpoints/interfaces.ts";
import { ConnectionDone, SkeinError } from "../internet/error.ts";
import type { Failure } from "../internet/failure.ts";
import type { Bytes } from "../internet/interfaces.ts";
import { Protocol } from "../internet/protocol.ts";
import { err } from "../logger/log.ts";
import { Accumulator } from "./basic/accumulator.ts";
import { LineOnlyReceiver } from "./basic/line.ts";

/** What a hook returns: the answer, or what will bring it; nothing when it writes the answer and closes by itself. */
export type FingerAnswer = Outcome<Bytes | undefined>;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * Answers one query and closes. Override getUser(), getDomain() and forwardQuery(), each of which refuses by default.
 *
 * A query is `[/W] [user][@host…]`, ended by CR LF or LF; `slashW` tells that `/W` was there, which asks for more.
 * @see https://www.rfc-editor.org/rfc/rfc1288
 */
export class Finger extends LineOnlyReceiver {
  override delimiter: Bytes = "\n";
  /** Bytes that a query may have. A longer one ends the connection. */
  override MAX_LENGTH = 1024;
  #asked = false;

  override lineReceived(line: Buffer): void {
    if (this.#asked) return;
    this.#asked = true;
    maybeDeferred(() => this.#answer(line.toString().trim())).addCallbacks(
      (answer) => {
        if (answer !== undefined) this.#say(answer);
      },
      (failure) => {
        err(failure.value, "A finger query failed");
        this.#say("The query failed\r\n");
      },
    );
  }

  /** The query is for another host: `user` may be "" and may hold an `@` itself, `host` is the last one named. */
  forwardQuery(_slashW: boolean, _user: string, _host: string): FingerAnswer {
    return "Finger forwarding service denied\r\n";
  }

  /** The query is for everybody who is on. */
  getDomain(_slashW: boolean): FingerAnswer {
    return "Finger online list denied\r\n";
  }

  /** The query is for one user. */
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

  #say(answer: Bytes): void {
    this.transport.write(answer);
    this.transport.loseConnection();
  }
}

/** Bytes that an answer may have, unless the caller says otherwise. */
const ANSWER_MAX = 1024 * 1024;

/** How to ask a finger server. */
export interface FingerOptions {
  /** Ask for more, by `/W`. Default false. */
  readonly slashW?: boolean;
  /** Bytes that the answer may have. Default 1 MiB. */
  readonly maxLength?: number;
}

/** Asks one query. */
export class FingerClient extends Protocol {
  static override readonly borrows: boolean = true;
  /** Fires with all that the server said, once it has closed. Cancelling it ends the connection. */
  readonly answer: Deferred<Buffer> = new Deferred<Buffer>(() => this.transport?.abortConnection());
  readonly #query: string;
  readonly #maxLength: number;
  /** In one piece, however small the ones are in which it comes. */
  readonly #received = new Accumulator();

  /** @throws SkeinError when `query` has several lines */
  constructor(query: string, { slashW = false, maxLength = ANSWER_MAX }: FingerOptions = {}) {
    super();
    if (/[\r\n]/.test(query)) throw new SkeinError("A finger query is one line: take the line ends out of it.");
    this.#query = `${slashW ? (query === "" ? "/W" : "/W ") : ""}${query}\r\n`;
    this.#maxLength = maxLength;
  }

  override connectionMade(): void {
    this.transport.write(this.#query);
  }

  override dataReceived(data: Buffer): void {
    this.#received.add(data);
    if (this.#received.length <= this.#maxLength) return;
    this.#fail(new SkeinError(`The answer is longer than ${this.#maxLength} bytes: allow more by maxLength.`));
    this.transport.abortConnection();
  }

  override connectionLost(reason: Failure): void {
    if (reason.check(ConnectionDone) === undefined) this.#fail(reason);
    else if (!this.answer.called) this.answer.callback(this.#received.takeAll());
    this.#received.clear();
  }

  #fail(reason: unknown): void {
    if (!this.answer.called) this.answer.errback(reason);
  }
}

/**
 * Ask a finger server: `query` is a user, or "" for everybody who is on; with `@host` behind it the server is to ask
 * that host. Fires with the answer as it came: it is the server's text, and may hold control characters. Fails with a
 * ConnectError, or with what ended the connection. Nothing limits the time: see {@link Deferred.addTimeout}.
 */
export function finger(endpoint: ClientEndpoint, query: string, options: FingerOptions = {}): Deferred<Buffer> {
  let client: FingerClient;
  try {
    client = new FingerClient(query, options);
  } catch (error) {
    return fail(error);
  }
  return connectProtocol(endpoint, client).addCallback(({ answer }) => answer);
}
