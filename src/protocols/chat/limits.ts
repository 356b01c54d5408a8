/** What one client of a chat room, and all of them together, may take. */
import { checkOptions, type OptionKinds } from "../../internet/arguments/check.ts";
import { count, integer, positive, seconds } from "../../internet/arguments/kinds.ts";

export interface ChatLimits {
  /** The maximum length of a line in bytes. A longer one closes the connection. Default 1024. */
  readonly maxLine: number;
  /** The maximum length of a name in characters. Default 24. */
  readonly maxName: number;
  /** Bytes that may be written after the transport has exceeded its high-water mark. Default 256 KiB. */
  readonly maxBacklog: number;
  /**
   * Bytes that may wait so for all clients together. Above it, those that have been above their marks for the longest are
   * dropped. Default 64 MiB.
   */
  readonly maxRoomBacklog: number;
  /** Seconds until the transport must have drained. Default 30. */
  readonly patience: number;
  /** Lines per second that a client may send on average; Infinity: no limit. Default 5. */
  readonly linesPerSecond: number;
  /**
   * Lines that a client may send at once after a silence. What is over is dropped, the first time with a warning; as many
   * dropped lines close the connection. Default 40.
   */
  readonly lineBurst: number;
  /**
   * Lines per second that all clients of a peer may send on average, an IPv4 address or a /64 network of IPv6; that a member
   * left counts as one, too. A peer that connects anew gets no more. Infinity: no limit. Default 20.
   */
  readonly peerLinesPerSecond: number;
  /** Lines that they may send at once after a silence. What is over is dropped as above. Default 160. */
  readonly peerLineBurst: number;
  /**
   * Bytes per second on average that the room sends to its members for what they say, a line to a member counting as 64
   * bytes at least; Infinity: no limit. Above it, clients are paused and take turns by networks. Default 32 MiB.
   */
  readonly roomBytesPerSecond: number;
  /** Clients that may have a name at the same time. Default 1024. */
  readonly maxMembers: number;
  /** Seconds until a client must have a name. Default 60. */
  readonly nameTime: number;
}

const DEFAULTS: ChatLimits = {
  maxLine: 1024,
  maxName: 24,
  maxBacklog: 256 * 1024,
  maxRoomBacklog: 64 * 1024 * 1024,
  patience: 30,
  linesPerSecond: 5,
  lineBurst: 40,
  peerLinesPerSecond: 20,
  peerLineBurst: 160,
  roomBytesPerSecond: 32 * 1024 * 1024,
  maxMembers: 1024,
  nameTime: 60,
};

const KINDS: OptionKinds<ChatLimits> = {
  maxLine: integer(1),
  maxName: integer(1),
  maxBacklog: count(0),
  maxRoomBacklog: count(0),
  patience: seconds,
  linesPerSecond: positive,
  lineBurst: count(1),
  peerLinesPerSecond: positive,
  peerLineBurst: count(1),
  roomBytesPerSecond: positive,
  maxMembers: count(1),
  nameTime: seconds,
};

/** Check limits, and complete them by the defaults. @throws TypeError | RangeError */
export function ensureChatLimits(call: string, limits: unknown): ChatLimits {
  return { ...DEFAULTS, ...checkOptions<Partial<ChatLimits>>(call, limits, KINDS) };
}
