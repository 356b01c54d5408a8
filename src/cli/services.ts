/** The services of `skein serve`, by their names. */
import { Chargen, Daytime, Discard, Echo, QOTD, Time } from "../protocols/wire.ts";
import { declareProtocol, type ServiceKind } from "./service.ts";
import { chat } from "./services/chat.ts";
import { portforward } from "./services/portforward.ts";
import { socks } from "./services/socks.ts";

export const SERVICES: ReadonlyMap<string, ServiceKind> = new Map<string, ServiceKind>([
  ["chat", chat],
  [
    "chargen",
    declareProtocol(Chargen, "sends characters endlessly, for tests (RFC 864)", [
      "Warning: it sends as fast as each client reads, without end. It is for tests, not for the internet.",
    ]),
  ],
  ["daytime", declareProtocol(Daytime, "sends the time as text and closes (RFC 867)")],
  ["discard", declareProtocol(Discard, "discards what it receives (RFC 863)")],
  ["echo", declareProtocol(Echo, "sends back what it receives (RFC 862)")],
  ["portforward", portforward],
  ["qotd", declareProtocol(QOTD, "sends the quote of the day and closes (RFC 865)")],
  ["socks", socks],
  ["time", declareProtocol(Time, "sends the time as 32 bits and closes (RFC 868)")],
]);
