/**
 * A chat room for `nc` and `telnet`: each line is a message. A new client is asked for a name first.
 *
 * Every line goes to every member, so a room of n members multiplies by n what comes in. So the room sends
 * `roomBytesPerSecond` for what its members say: beyond that they are paused, and take turns (chat/turns.ts), and who comes
 * and goes is told in one line. These bounds hold for each client, with the options of {@link ChatLimits}:
 *
 * - What it sends: `linesPerSecond` lines of `maxLine` bytes, and `lineBurst` lines at once. Lines above that are dropped,
 *   and then the connection is closed. All clients of a peer, those that left included (chat/peers.ts), have
 *   `peerLinesPerSecond` and `peerLineBurst` together.
 * - What it is sent: the transport's high-water mark, `maxBacklog` bytes, and one line or answer; the longest answer lists
 *   50 names. More drops the client at once, and so does a mark that stays exceeded for `patience` seconds.
 *   LineOnlyReceiver delivers none of its lines meanwhile. Beyond `maxRoomBacklog` bytes above all marks together, the client
 *   that has been above its mark for the longest is dropped.
 * - Its time without a name: `nameTime` seconds.
 *
 * `maxMembers` clients have a name at once. How many connections there are, and for how long one may be idle, is left to the
 * factory around this one.
 */
import { check } from "../internet/arguments/check.ts";
import { clock as clockKind } from "../internet/arguments/kinds.ts";
import { Deferred } from "../internet/defer/deferred.ts";
import { succeed } from "../internet/defer/makers.ts";
import type { Failure } from "../internet/failure.ts";
import type { Address, Bytes } from "../internet/interfaces.ts";
import { peerKey, peerNetworks } from "../internet/networks.ts";
import { Factory } from "../internet/protocol.ts";
import type { DelayedCall, ReactorTime } from "../internet/time.ts";
import { LineOnlyReceiver } from "./basic/line.ts";
import { Backlog, Backlogs } from "./chat/backlog.ts";
import { Bucket } from "./chat/bucket.ts";
import { type ChatLimits, ensureChatLimits } from "./chat/limits.ts";
import { LineRate } from "./chat/linerate.ts";
import { listed, NAMES_LISTED, shortened } from "./chat/names.ts";
import { type Peer, Peers } from "./chat/peers.ts";
import { cleanLine, isName, keyOf, nameIn } from "./chat/text.ts";
import { Turns, type Waiting } from "./chat/turns.ts";

export type { ChatLimits } from "./chat/limits.ts";

/** Seconds that shutdown() waits for clients to read the last message. */
const SHUTDOWN_SECONDS = 2;
/** What a line to one member costs of `roomBytesPerSecond` at least. */
const LINE_COST = 64;
/** The room takes its turns as a network that no connection can come from. */
const ROOM: readonly string[] = [""];

const HELP = [
  "*** Whatever you type goes to everybody here, but for these:",
  "***   /names         who is here",
  "***   /me <action>   say what you do, as in: /me yawns",
  "***   /help          this list",
  "***   /quit          leave",
].join("\r\n");

/** The connection of one client. */
export class Chat extends LineOnlyReceiver {
  declare factory: ChatFactory;
  /** Both nc and telnet end a line with LF; the CR of telnet is stripped with the other control characters. */
  override delimiter: Bytes = "\n";
  override MAX_LENGTH: number;
  /** Null until the client has chosen a name. */
  name: string | null = null;
  #backlog!: Backlog;
  #rate!: LineRate;
  /** What it shares with the other clients of its peer. */
  peer!: Peer;
  #nameTimer: DelayedCall | null = null;
  /** The client is paused until its line was sent. */
  #turn: Waiting | null = null;

  constructor(limits: ChatLimits) {
    super();
    this.MAX_LENGTH = limits.maxLine;
  }

  override connectionMade(): void {
    const { clock, limits } = this.factory;
    this.#backlog = new Backlog(this.transport, clock, limits, this.factory.backlogs, () => this.factory.drop(this));
    this.peer = this.factory.peers.enter(peerKey(this.transport.getPeer().host));
    this.#rate = new LineRate(new Bucket(clock, limits.linesPerSecond, limits.lineBurst), this.peer.lines);
    this.#nameTimer = clock.callLater(limits.nameTime, () => {
      this.dismiss(`*** You gave no name within ${limits.nameTime} seconds. Good bye.`);
    });
    this.factory.connections.add(this);
    this.tell("Welcome to the chat. What is your name?");
  }

  override lineReceived(line: Buffer): void {
    if (!this.#mayGoOn()) return;
    const text = cleanLine(line.toString());
    if (this.name === null && text !== "/quit") this.#introduce(nameIn(line.toString()));
    else if (text.startsWith("/")) this.#command(text);
    else if (text !== "") this.#say(`<${this.name}> ${text}`);
  }

  override lineLengthExceeded(): void {
    this.dismiss(`*** A line may have ${this.MAX_LENGTH} bytes at most; yours has more. Good bye.`);
  }

  override connectionLost(_reason: Failure): void {
    this.#backlog.stop();
    this.#stopNameTimer();
    this.#giveUpTurn();
    this.factory.leave(this);
    this.factory.connectionGone(this);
  }

  /** Send one or more lines. */
  tell(text: string): void {
    this.tellBytes(Buffer.from(`${text}\r\n`));
  }

  /** Send bytes that end with CR LF. */
  tellBytes(bytes: Buffer): void {
    if (this.#backlog.admits(bytes.length)) this.transport.write(bytes);
  }

  /** Send a last message and close. */
  dismiss(text: string): void {
    this.#stopNameTimer();
    this.#giveUpTurn();
    this.tell(text);
    this.factory.leave(this);
    this.#backlog.finish();
    this.transport.loseConnection();
  }

  /** Whether the client's lines come slowly enough. */
  #mayGoOn(): boolean {
    const { linesPerSecond, peerLinesPerSecond } = this.factory.limits;
    const verdict = this.#rate.judge();
    if (verdict === "warn" || verdict === "warn peer") {
      const allowed = verdict === "warn" ? `${linesPerSecond}` : `from your address, ${peerLinesPerSecond}`;
      this.tell(`*** Not so fast: ${allowed} lines a second are allowed. Some of yours are dropped.`);
    } else if (verdict === "close") {
      this.dismiss("*** You send too many lines. Good bye.");
    }
    return verdict === "take";
  }

  #introduce(name: string): void {
    const { factory } = this;
    const { maxName, maxMembers } = factory.limits;
    const length = [...name].length;
    if (length > maxName) {
      this.tell(`*** That name has ${length} characters; ${maxName} are allowed. What is your name?`);
    } else if (!isName(name)) {
      this.tell("*** A name is one word of letters of one script, digits, '_', '.' and '-'. What is your name?");
    } else if (factory.isFull) {
      this.dismiss(`*** ${maxMembers} are here already, which is all that fit. Good bye.`);
    } else if (!factory.join(this, name)) {
      this.tell(`*** There is a ${name} here already. What is your name?`);
    } else {
      this.#stopNameTimer();
      this.tell(`*** Hello, ${name}. /help tells what you can do here.`);
      this.tell(factory.roll());
    }
  }

  /** Send a line to the others, at once or when it is the client's turn. */
  #say(text: string): void {
    const { turns } = this.factory;
    if (turns.areFree) {
      this.factory.broadcast(text, this);
      return;
    }
    this.pauseProducing();
    const networks = peerNetworks(this.transport.getPeer().host);
    this.#turn = turns.wait(networks, Math.max(Buffer.byteLength(text), LINE_COST), () => {
      this.#turn = null;
      this.factory.broadcast(text, this);
      this.resumeProducing();
    });
  }

  #giveUpTurn(): void {
    if (this.#turn !== null) this.factory.turns.leave(this.#turn);
    this.#turn = null;
  }

  #stopNameTimer(): void {
    if (this.#nameTimer?.active()) this.#nameTimer.cancel();
    this.#nameTimer = null;
  }

  #command(text: string): void {
    const [command = "", ...rest] = text.split(" ");
    switch (command) {
      case "/names":
        this.tell(this.factory.roll());
        break;
      case "/me":
        if (rest.length === 0) this.tell("*** /me needs an action, as in: /me yawns");
        else this.#say(`* ${this.name} ${rest.join(" ")}`);
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
}

/** The room. */
export class ChatFactory extends Factory<Chat> {
  readonly clock: ReactorTime;
  readonly limits: ChatLimits;
  /** What bounds the lines of all clients together. */
  readonly turns: Turns;
  /** What bounds the lines of the clients of each peer. */
  readonly peers: Peers;
  /** What bounds the bytes that wait for all clients together. */
  readonly backlogs: Backlogs;
  /** All clients, with or without a name. */
  readonly connections = new Set<Chat>();
  /** The clients that have a name, by its key. */
  readonly #members = new Map<string, Chat>();
  /** What roll() returns, until a member comes or goes. */
  #roll: string | null = null;
  /** The names of clients that came, and of those that left, and are not announced yet. */
  readonly #joined = new Set<string>();
  #left: string[] = [];
  /** The names of clients that were dropped and are not announced yet. */
  #dropped: string[] = [];
  /** The room's turn to announce who came and left. */
  #turn: Waiting | null = null;
  #sending = false;
  #closing = false;
  #deadline: DelayedCall | null = null;
  #waiting: Deferred<void>[] = [];

  /**
   * @param clock measures how long a client has not read, and how fast it sends: the reactor
   * @throws TypeError | RangeError
   */
  constructor(clock: ReactorTime, limits: Partial<ChatLimits> = {}) {
    super();
    check("new ChatFactory(clock, limits)", "clock", clock, clockKind);
    this.clock = clock;
    this.limits = ensureChatLimits("new ChatFactory(clock, limits)", limits);
    this.turns = new Turns(clock, this.limits.roomBytesPerSecond);
    this.peers = new Peers(clock, this.limits);
    this.backlogs = new Backlogs(this.limits.maxRoomBacklog);
  }

  override buildProtocol(_addr: Address): Chat | null {
    if (this.#closing) return null;
    const chat = new Chat(this.limits);
    chat.factory = this;
    return chat;
  }

  /** As many clients have a name as may. */
  get isFull(): boolean {
    return this.#members.size >= this.limits.maxMembers;
  }

  /** Give `chat` a name, and announce it. False when the name is taken; see {@link keyOf}. */
  join(chat: Chat, name: string): boolean {
    const key = keyOf(name);
    if (this.#members.has(key)) return false;
    chat.name = name;
    this.#members.set(key, chat);
    this.#roll = null;
    if (this.turns.areFree) {
      this.broadcast(`*** ${name} joined.`, chat);
      return true;
    }
    this.#joined.add(name);
    this.#announceLater();
    return true;
  }

  /** Free the name of `chat` and announce that; a no-op the second time. */
  leave(chat: Chat): void {
    if (!this.#remove(chat) || this.#closing) return;
    this.#left.push(chat.name!);
    if (this.turns.areFree) this.#announce();
    else this.#announceLater();
  }

  /** The client does not read its messages: drop it at once, and the memory that they take. */
  drop(chat: Chat): void {
    if (this.#remove(chat)) this.#dropped.push(chat.name!);
    chat.transport.abortConnection();
    this.#announceDropped();
  }

  /** Send a line to all clients that have a name, except one. */
  broadcast(text: string, except: Chat | null): void {
    this.#send(text, except);
    this.#announceDropped();
  }

  /** The names of the clients that came first, and the number of all, as a line. */
  roll(): string {
    if (this.#roll === null) {
      const size = this.#members.size;
      const names: string[] = [];
      for (const { name } of this.#members.values()) if (names.push(name!) === NAMES_LISTED) break;
      const count = size > NAMES_LISTED ? ` ${size}` : "";
      this.#roll = `*** Here ${size === 1 ? "is" : "are"}${count}: ${listed(names, size)}`;
    }
    return this.#roll;
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
    if (this.#turn !== null) this.turns.leave(this.#turn);
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
    this.peers.leave(chat.peer);
    if (this.connections.size > 0) return;
    if (this.#deadline?.active()) this.#deadline.cancel();
    for (const gone of this.#waiting.splice(0)) gone.callback(undefined);
  }

  /** Free the name of `chat`. False when there is nobody to tell that: it had none, or nobody was told that it came. */
  #remove(chat: Chat): boolean {
    const key = chat.name === null ? "" : keyOf(chat.name);
    if (this.#members.get(key) !== chat) return false;
    this.#members.delete(key);
    this.#roll = null;
    if (this.#joined.delete(chat.name!)) return false;
    chat.peer.lines.owe();
    return true;
  }

  /** Announce who came and left at the room's turn. */
  #announceLater(): void {
    this.#turn ??= this.turns.wait(ROOM, LINE_COST, () => {
      this.#turn = null;
      this.#announce();
    });
  }

  /** One line for all that left, and one for all that came. */
  #announce(): void {
    const left = this.#left;
    const joined = [...this.#joined];
    this.#left = [];
    this.#joined.clear();
    if (this.#closing) return;
    if (left.length > 0) this.broadcast(`*** ${shortened(left)} left.`, null);
    if (joined.length > 0) this.broadcast(`*** ${shortened(joined)} joined.`, null);
  }

  #send(text: string, except: Chat | null): void {
    const bytes = Buffer.from(`${text}\r\n`);
    this.turns.spend(this.#members.size * Math.max(bytes.length, LINE_COST));
    this.#sending = true;
    try {
      for (const member of this.#members.values()) if (member !== except) member.tellBytes(bytes);
    } finally {
      this.#sending = false;
    }
  }

  /** One line for all that were dropped during a broadcast; to send it may drop others, so it is a loop. */
  #announceDropped(): void {
    if (this.#sending) return;
    while (this.#dropped.length > 0) {
      const names = this.#dropped;
      this.#dropped = [];
      if (!this.#closing) {
        this.#send(
          `*** ${shortened(names)} ${names.length === 1 ? "was" : "were"} too slow to keep up, and left.`,
          null,
        );
      }
    }
  }
}
