/** skein/protocols, for wrongarguments.test.ts. */

import * as htb from "../../../src/entries/protocols/htb.ts";
import * as policies from "../../../src/entries/protocols/policies.ts";
import { Clock, StringTransport } from "../../../src/entries/testing.ts";
import { Factory, Protocol } from "../../../src/internet/protocol.ts";
import { type Call, type Calls, constructed, method, nothing } from "./call.ts";

const clock = new Clock();
const server = (): Factory => Factory.forProtocol(Protocol);

const HTB: Calls = {
  "Bucket.add": method(() => new htb.Bucket(null, clock), "add", 1),
  "Bucket.secondsUntil": method(() => new htb.Bucket(null, clock), "secondsUntil", 1),
  "new Bucket": constructed(htb.Bucket, null, clock),
  "new FilterByHost": constructed(htb.FilterByHost, null, clock),
  "new FilterByServer": constructed(htb.FilterByServer, null, clock),
  "new HierarchicalBucketFilter": constructed(htb.HierarchicalBucketFilter, null, clock),
  "new ShapedConsumer": constructed(htb.ShapedConsumer, new StringTransport(), new htb.Bucket(null, clock), clock),
  "new ShapedProtocolFactory": constructed(
    htb.ShapedProtocolFactory,
    server(),
    new htb.FilterByHost(null, clock),
    clock,
  ),
};

export const PROTOCOLS_CALLS: Calls = {
  ...HTB,
  "new WrappingFactory": ofPolicy(policies.WrappingFactory),
  "new SpewingFactory": ofPolicy(policies.SpewingFactory),
  "new LimitConnectionsByPeer": ofPolicy(policies.LimitConnectionsByPeer),
  "new TrafficLoggingFactory": ofPolicy(policies.TrafficLoggingFactory, nothing, {}),
};

function ofPolicy(Wrapper: unknown, ...good: unknown[]): () => Call {
  return constructed(Wrapper, Factory.forProtocol(Protocol), ...good);
}
