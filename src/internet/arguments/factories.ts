/** Checks factories. When a program passes a protocol or a class instead, the error says how to make a factory of it. */
import { className, described, has, missingMethod } from "./described.ts";

const FACTORY = ["buildProtocol", "doStart", "doStop"];
const CLIENT_FACTORY = ["startedConnecting", "clientConnectionFailed", "clientConnectionLost"];

/** Check the factory that `call` was given. @throws TypeError */
export function ensureFactory(call: string, factory: unknown, kind = "Factory"): void {
  const missing = missingMethod(factory, FACTORY);
  if (missing === undefined) return;
  throw new TypeError(`${call} needs a factory, not ${described(factory)}: ${factoryHint(factory, missing, kind)}.`);
}

/** Check a factory of outgoing connections. @throws TypeError */
export function ensureClientFactory(call: string, factory: unknown): void {
  ensureFactory(call, factory, "ClientFactory");
  const missing = missingMethod(factory, CLIENT_FACTORY);
  if (missing === undefined) return;
  throw new TypeError(
    `${call} needs a ClientFactory, and ${described(factory)} is not one: it has no ${missing}(). A plain Factory works ` +
      `with an endpoint's connect(), as in clientFromString(reactor, "tcp:localhost:80").connect(factory).`,
  );
}

function factoryHint(value: unknown, missing: string, kind: string): string {
  if (typeof value === "function") {
    if (has(value.prototype, "buildProtocol")) return `pass new ${value.name}()`;
    if (has(value.prototype, "makeConnection")) return `pass ${kind}.forProtocol(${value.name})`;
  } else {
    if (has(value, "makeConnection")) return `pass ${kind}.forProtocol(${className(value as object)})`;
    if (has(value, "buildProtocol")) return `it has no ${missing}(); let its class extend ${kind}`;
  }
  return `${kind}.forProtocol(MyProtocol) makes one, where MyProtocol is your class`;
}
