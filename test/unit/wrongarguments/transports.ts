/** The methods that all transports have, for wrongarguments.test.ts. */
import { FakeTransport, StringTransport } from "../../../src/entries/testing.ts";
import { Protocol } from "../../../src/internet/protocol.ts";
import { type Calls, method, nothing } from "./call.ts";

export const TRANSPORTS: Readonly<Record<string, () => object>> = {
  StringTransport: () => new StringTransport(),
  FakeTransport: () => new FakeTransport(new Protocol(), false),
};
const PRODUCER = { pauseProducing: nothing, resumeProducing: nothing, stopProducing: nothing };

export const TRANSPORT_CALLS: Calls = Object.fromEntries(
  Object.entries(TRANSPORTS).flatMap(([owner, make]) => [
    [`${owner}.write`, method(make, "write", "x", "latin1")],
    [`${owner}.writeSequence`, method(make, "writeSequence", ["x"])],
    [`${owner}.registerProducer`, method(make, "registerProducer", PRODUCER, true)],
    [`${owner}.switchProtocol`, method(make, "switchProtocol", new Protocol())],
    [`${owner}.lose`, method(make, "lose", new Error("lost"))],
    [`${owner}.setTcpNoDelay`, method(make, "setTcpNoDelay", true)],
    [`${owner}.setTcpKeepAlive`, method(make, "setTcpKeepAlive", true)],
  ]),
);
