/** A receiver of each framing, which keeps the messages that it is told. */
import { Int16StringReceiver, LineReceiver, NetstringReceiver } from "../../src/entries/protocols/basic.ts";
import type { Bytes } from "../../src/internet/interfaces.ts";
import type { Protocol } from "../../src/internet/protocol.ts";
import { type State, StatefulProtocol } from "../../src/protocols/stateful.ts";

/** A receiver that keeps its messages as text. */
export interface Talker extends Protocol {
  readonly messages: string[];
  onMessage: (message: string) => void;
}

export class Lines extends LineReceiver implements Talker {
  override delimiter: Bytes = "\n";
  readonly messages: string[] = [];
  readonly raw: string[] = [];
  onMessage: (message: string) => void = () => {};
  override lineReceived(line: Buffer): void {
    this.messages.push(line.toString());
    this.onMessage(line.toString());
  }
  override rawDataReceived(data: Buffer): void {
    this.raw.push(data.toString());
  }
}

export class Ints extends Int16StringReceiver implements Talker {
  readonly messages: string[] = [];
  onMessage: (message: string) => void = () => {};
  override stringReceived(string: Buffer): void {
    this.messages.push(string.toString());
    this.onMessage(string.toString());
  }
}

export class Netstrings extends NetstringReceiver implements Talker {
  readonly messages: string[] = [];
  onMessage: (message: string) => void = () => {};
  override stringReceived(string: Buffer): void {
    this.messages.push(string.toString());
    this.onMessage(string.toString());
  }
}

export class Fours extends StatefulProtocol implements Talker {
  readonly messages: string[] = [];
  onMessage: (message: string) => void = () => {};
  override getInitialState(): State {
    return [this.four, 4];
  }
  four(data: Buffer): void {
    this.messages.push(data.toString());
    this.onMessage(data.toString());
  }
}

/** Each with its name, and how a message of four bytes is encoded. */
export const FRAMINGS: [name: string, Framing: new () => Talker, encode: (message: string) => string][] = [
  ["LineReceiver", Lines, (message) => `${message}\n`],
  ["Int16StringReceiver", Ints, (message) => `\0${String.fromCharCode(message.length)}${message}`],
  ["NetstringReceiver", Netstrings, (message) => `${message.length}:${message},`],
  ["StatefulProtocol", Fours, (message) => message],
];
