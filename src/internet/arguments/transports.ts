/** Checks transports, protocols, factories of wrappers, producers and consumers. */
import { check } from "./check.ts";
import { flag, withMethods } from "./kinds.ts";

const PULL_PRODUCER = withMethods("a producer", "resumeProducing", "stopProducing");
const PUSH_PRODUCER = withMethods("a streaming producer", "pauseProducing", "resumeProducing", "stopProducing");
const PROTOCOL = withMethods("a protocol", "makeConnection", "dataReceived", "connectionLost");
const TRANSPORT = withMethods("a transport", "write", "loseConnection", "registerProducer", "unregisterProducer");
const CONSUMER = withMethods("a consumer", "write", "registerProducer", "unregisterProducer");

/** Check the arguments of registerProducer(). @throws TypeError */
export function ensureProducer(producer: unknown, streaming: unknown): void {
  const call = "registerProducer(producer, streaming)";
  check(call, "streaming", streaming, flag);
  check(call, "producer", producer, streaming === true ? PUSH_PRODUCER : PULL_PRODUCER);
}

/** @throws TypeError unless `protocol` is a protocol */
export function ensureProtocol(call: string, protocol: unknown, name = "protocol"): void {
  check(call, name, protocol, PROTOCOL);
}

/** @throws TypeError unless `consumer` is a consumer */
export function ensureConsumer(call: string, consumer: unknown): void {
  check(call, "consumer", consumer, CONSUMER);
}

/** @throws TypeError unless `transport` is a transport */
export function ensureTransport(call: string, transport: unknown): void {
  check(call, "transport", transport, TRANSPORT);
}
