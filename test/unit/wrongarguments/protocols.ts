/** skein/protocols, for wrongarguments.test.ts. */
import * as policies from "../../../src/entries/protocols/policies.ts";
import { Factory, Protocol } from "../../../src/internet/protocol.ts";
import { type Call, type Calls, constructed, nothing } from "./call.ts";

export const PROTOCOLS_CALLS: Calls = {
  "new WrappingFactory": ofPolicy(policies.WrappingFactory),
  "new SpewingFactory": ofPolicy(policies.SpewingFactory),
  "new LimitConnectionsByPeer": ofPolicy(policies.LimitConnectionsByPeer),
  "new TrafficLoggingFactory": ofPolicy(policies.TrafficLoggingFactory, nothing, {}),
};

function ofPolicy(Wrapper: unknown, ...good: unknown[]): () => Call {
  return constructed(Wrapper, Factory.forProtocol(Protocol), ...good);
}
