/**
 * A chat room for `nc` and `telnet`: each line is a message. A new client is asked for a name first.
 *
 * The memory per client is bounded: a line longer than `maxLine` closes its connection, and so does a backlog of messages
 * that the client does not read.
 */
import { Deferred } from "../internet/defer/deferred.ts";
import { succeed } from "../internet/defer/makers.ts";
import type { Failure } from "../internet/failure.ts";
import type { Address, Bytes } from "../internet/interfaces.ts";
import { Factory } from "../internet/protocol.ts";
import type { DelayedCall, ReactorTime } from "../internet/time.ts";
import { LineOnlyReceiver } from "./basic/line.ts";
import { Backlog, type BacklogLimits } from "./chat/backlog.ts";

export interface ChatLimits extends BacklogLimits {
  /** The maximum length of a line in bytes. */
  readonly maxLine: number;
  /** The maximum length of a name in characters. */
  readonly maxName: number;
}

const DEFAULT_LIMITS: ChatLimits = { maxLine: 1024, maxName: 24, maxBacklog: 256 * 1024, patience: 30 };

/** Seconds that shutdown() waits for clients to read the last message. */
const SHUTDOWN_SECONDS = 2;

const HELP = [
  "*** Whatever you type goes to everybody here, but for these:",
  "***   /names         who is here",
  "***   /me <action>   say what you do, as in: /me yawns",
  "***   /help          this list",
  "***   /quit          leave",
].join("\r\n");

/** Control characters, and those that change the direction of text. */
const UNPRINTABLE = /[\p{Cc}\u2028-\u202e\u2066-\u2069\ufffd]/gu;
const NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.-]*$/u;

/** The connection of one client. */
export class Chat extends LineOnlyReceiver {
  declare factory: ChatFactory;
  /** Both nc and telnet end a line with LF; the CR of telnet is stripped with the other control characters. */
  override delimiter: Bytes = "\n";
  override MAX_LENGTH: number;
  /** Null until the client has chosen a name. */
  name: string | null = null;
  #backlog!: Backlog;

  constructor(limits: ChatLimits) {
    super();
    this.MAX_LENGTH = limits.maxLine;
  }

  override connectionMade(): void {
    this.#backlog = new Backlog(this.transport, this.factory.clock, this.factory.limits, () => this.#drop());
    this.factory.connections.add(this);
    this.tell("Welcome to the chat. What is your name?");
  }

  override lineReceived(line: Buffer): void {
    const text = line.toString().replaceAll("\t", " ").replace(UNPRINTABLE, "").trim();
    if (this.name === null && text !== "/quit") this.#introduce(text);
    else if (text.startsWith("/")) this.#command(text);
    else if (text !== "") this.factory.broadcast(`<${this.name}> ${text}`, this);
  }

  override lineLengthExceeded(): void {
    this.dismiss(`*** A line may have ${this.MAX_LENGTH} bytes at most; yours has more. Good bye.`);
  }

  override connectionLost(_reason: Failure): void {
    this.#backlog.stop();
    this.factory.leave(this, "left");
    this.factory.connectionGone(this);
  }

  /** Send one or more lines. */
  tell(text: string): void {
    this.tellBytes(Buffer.from(`${text}\r\n`));
  }

  /** Send bytes that end with CR LF. */
  tellBytes(bytes: Buffer): void {
    this.transport.write(bytes);
    this.#backlog.wrote(bytes.length);
  }

  /** Send a last message and close. */
  dismiss(text: string): void {
    this.tell(text);
    this.factory.leave(this, "left");
    this.#backlog.finish();
    this.transport.loseConnection();
  }

  #introduce(name: string): void {
    const { factory } = this;
    const length = [...name].length;
    if (length > factory.limits.maxName) {
      this.tell(`*** That name has ${length} characters; ${factory.limits.maxName} are allowed. What is your name?`);
    } else if (!NAME.test(name)) {
      this.tell("*** A name is one word of letters, digits, '_', '.' and '-'. What is your name?");
    } else if (!factory.join(this, name)) {
      this.tell(`*** There is a ${name} here already. What is your name?`);
    } else {
      this.tell(`*** Hello, ${name}. /help tells what you can do here.`);
      this.tell(factory.roll());
    }
  }

  #command(text: string): void {
    const [command = "", ...rest] = text.split(" ");
    switch (command) {
      case "/names":
        this.tell(this.factory.roll());
        break;
      case "/me":
        if (rest.length === 0) this.tell("*** /me needs an action, as in: /me yawns");
        else this.factory.broadcast(`* ${this.name} ${rest.join(" ")}`, this);
        break;
      case "/help":
        this.tell(HELP);
        break;
      case "/quit":
        this.dismiss("*** Good bye.");
        break;
      default:
        this.tell(`*** There is no command ${command}. /help lists them.`);
    }
  }

  /** The client does not read its messages: drop it, and the memory that they take. */
  #drop(): void {
    this.factory.leave(this, "was too slow to keep up, and left");
    this.transport.abortConnection();
  }
}

/** The room. */
export class ChatFactory extends Factory<Chat> {
  readonly clock: ReactorTime;
  readonly limits: ChatLimits;
  /** All clients, with or without a name. */
  readonly connections = new Set<Chat>();
  /** The clients that have a name, by its key. */
  readonly #members = new Map<string, Chat>();
  #closing = false;
  #deadline: DelayedCall | null = null;
  #waiting: Deferred<void>[] = [];

  /** @param clock measures how long a client has not read: the reactor */
  constructor(clock: ReactorTime, limits: Partial<ChatLimits> = {}) {
    super();
    this.clock = clock;
    this.limits = { ...DEFAULT_LIMITS, ...limits };
  }

  override buildProtocol(_addr: Address): Chat | null {
    if (this.#closing) return null;
    const chat = new Chat(this.limits);
    chat.factory = this;
    return chat;
  }

  /** Give `chat` a name, and announce it. False when the name is taken; see {@link keyOf}. */
  join(chat: Chat, name: string): boolean {
    const key = keyOf(name);
    if (this.#members.has(key)) return false;
    chat.name = name;
    this.#members.set(key, chat);
    this.broadcast(`*** ${name} joined.`, chat);
    return true;
  }

  /** Free the name of `chat` and announce that; a no-op the second time. */
  leave(chat: Chat, how: string): void {
    const key = chat.name === null ? "" : keyOf(chat.name);
    if (this.#members.get(key) !== chat) return;
    this.#members.delete(key);
    if (!this.#closing) this.broadcast(`*** ${chat.name} ${how}.`, chat);
  }

  /** Send a line to all clients that have a name, except one. */
  broadcast(text: string, except: Chat): void {
    const bytes = Buffer.from(`${text}\r\n`);
    for (const member of this.#members.values()) {
      if (member !== except) member.tellBytes(bytes);
    }
  }

  /** The names of all clients, as a line. */
  roll(): string {
    const names = [...this.#members.values()].map((member) => member.name);
    return `*** Here ${names.length === 1 ? "is" : "are"}: ${names.join(", ")}`;
  }

  /**
   * Announce the shutdown, and close all connections. Fires when all are closed; clients that do not read the last message
   * within two seconds are aborted. New connections are closed from now on.
   */
  shutdown(): Deferred<void> {
    this.#closing = true;
    if (this.connections.size === 0) return succeed(undefined);
    const gone = new Deferred<void>();
    this.#waiting.push(gone);
    if (this.#deadline === null) {
      this.#deadline = this.clock.callLater(SHUTDOWN_SECONDS, () => {
        for (const chat of this.connections) chat.transport.abortConnection();
      });
      for (const chat of this.connections) chat.dismiss("*** The server is going down.");
    }
    return gone;
  }

  /** A connection was lost. */
  connectionGone(chat: Chat): void {
    this.connections.delete(chat);
    if (this.connections.size > 0) return;
    if (this.#deadline?.active()) this.#deadline.cancel();
    for (const gone of this.#waiting.splice(0)) gone.callback(undefined);
  }
}

/** Names that differ only in case, or in how an accent is encoded, count as the same. */
function keyOf(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
