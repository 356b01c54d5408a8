/**
 * A chat room for people with `nc` or `telnet`: one line, one message. Whoever connects is asked for a name first.
 *
 * No client can make the server grow: a line that is longer than `maxLine` ends its connection, and so does a backlog
 * of messages that a client does not read.
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
  /** Bytes in a line. */
  readonly maxLine: number;
  /** Characters in a name. */
  readonly maxName: number;
}

const DEFAULT_LIMITS: ChatLimits = { maxLine: 1024, maxName: 24, maxBacklog: 256 * 1024, patience: 30 };

/** Seconds that shutdown() waits for clients to take the last words. */
const LAST_WORDS_SECONDS = 2;

const HELP = [
  "*** Whatever you type goes to everybody here, but for these:",
  "***   /names         who is here",
  "***   /me <action>   say what you do, as in: /me yawns",
  "***   /help          this list",
  "***   /quit          leave",
].join("\r\n");

/** Control characters, and those that turn the direction of a text around. */
const UNPRINTABLE = /[\p{Cc}\u2028-\u202e\u2066-\u2069\ufffd]/gu;
const NAME = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.-]*$/u;

/** One person in the room. */
export class Chat extends LineOnlyReceiver {
  declare factory: ChatFactory;
  /** Both nc and telnet end a line with LF; the CR of telnet is stripped with the other control characters. */
  override delimiter: Bytes = "\n";
  override MAX_LENGTH: number;
  /** Null until a name was accepted. */
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

  /** Send a line, or several. */
  tell(text: string): void {
    this.tellBytes(Buffer.from(`${text}\r\n`));
  }

  /** Send bytes that end with CR LF. */
  tellBytes(bytes: Buffer): void {
    this.transport.write(bytes);
    this.#backlog.wrote(bytes.length);
  }

  /** Send the last words and close. */
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

  /** The client does not read: waiting for it any longer costs memory. */
  #drop(): void {
    this.factory.leave(this, "was too slow to keep up, and left");
    this.transport.abortConnection();
  }
}

/** The room. */
export class ChatFactory extends Factory<Chat> {
  readonly clock: ReactorTime;
  readonly limits: ChatLimits;
  /** Everybody who is connected, with a name or without. */
  readonly connections = new Set<Chat>();
  /** Everybody who has a name, by the name's key. */
  readonly #members = new Map<string, Chat>();
  #closing = false;
  #deadline: DelayedCall | null = null;
  #waiting: Deferred<void>[] = [];

  /** `clock` times how long a client may be congested: the reactor. */
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

  /** Give `chat` its name, and tell the others. False when somebody has it, in whatever spelling. */
  join(chat: Chat, name: string): boolean {
    const key = keyOf(name);
    if (this.#members.has(key)) return false;
    chat.name = name;
    this.#members.set(key, chat);
    this.broadcast(`*** ${name} joined.`, chat);
    return true;
  }

  /** Free the name of `chat`, and tell the others, unless that was done. */
  leave(chat: Chat, how: string): void {
    const key = chat.name === null ? "" : keyOf(chat.name);
    if (this.#members.get(key) !== chat) return;
    this.#members.delete(key);
    if (!this.#closing) this.broadcast(`*** ${chat.name} ${how}.`, chat);
  }

  /** Send a line to everybody who has a name, but for `except`. */
  broadcast(text: string, except: Chat): void {
    const bytes = Buffer.from(`${text}\r\n`);
    for (const member of this.#members.values()) {
      if (member !== except) member.tellBytes(bytes);
    }
  }

  /** Who is here, as a line. */
  roll(): string {
    const names = [...this.#members.values()].map((member) => member.name);
    return `*** Here ${names.length === 1 ? "is" : "are"}: ${names.join(", ")}`;
  }

  /**
   * Tell everybody that the server goes down, and close. Fires when all are gone; those that do not take the last
   * words within two seconds are cut. New connections are refused from here on.
   */
  shutdown(): Deferred<void> {
    this.#closing = true;
    if (this.connections.size === 0) return succeed(undefined);
    const gone = new Deferred<void>();
    this.#waiting.push(gone);
    if (this.#deadline === null) {
      this.#deadline = this.clock.callLater(LAST_WORDS_SECONDS, () => {
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

/** Names that look alike are the same: by case, and by how an accent is written. */
function keyOf(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
