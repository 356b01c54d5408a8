/** skein/protocols, for wrongarguments.test.ts. */

import * as basic from "../../../src/entries/protocols/basic.ts";
import * as finger from "../../../src/entries/protocols/finger.ts";
import * as haproxy from "../../../src/entries/protocols/haproxy.ts";
import * as htb from "../../../src/entries/protocols/htb.ts";
import * as ident from "../../../src/entries/protocols/ident.ts";
import * as memcache from "../../../src/entries/protocols/memcache.ts";
import * as policies from "../../../src/entries/protocols/policies.ts";
import * as portforward from "../../../src/entries/protocols/portforward.ts";
import * as socks from "../../../src/entries/protocols/socks.ts";
import * as wire from "../../../src/entries/protocols/wire.ts";
import { Clock, MemoryReactorClock, StringTransport } from "../../../src/entries/testing.ts";
import { ClientFactory, Factory, Protocol } from "../../../src/internet/protocol.ts";
import { type Call, type Calls, constructed, made, nothing } from "./call.ts";

const clock = new Clock();
const server = (): Factory => Factory.forProtocol(Protocol);
const endpoint = { connect: nothing, listen: nothing };
const bucket = (): htb.Bucket => new htb.Bucket(null, clock);

/** A method of a connected protocol, which must have written nothing. */
function sending(make: () => Protocol, name: string, ...good: unknown[]): () => Call {
  return () => {
    const transport = new StringTransport();
    const protocol = make();
    transport.connect(protocol);
    const loose = protocol as unknown as Record<string, (...args: unknown[]) => unknown>;
    return {
      call: (...args) => loose[name]!(...args),
      good,
      begun: () => (transport.value().length > 0 ? ["a write"] : []),
    };
  };
}

const HTB: Calls = {
  "Bucket.add": () => ({ call: bucket().add.bind(bucket()), good: [1] }),
  "Bucket.secondsUntil": () => ({ call: bucket().secondsUntil.bind(bucket()), good: [1] }),
  "new Bucket": constructed(htb.Bucket, null, clock),
  "new FilterByHost": constructed(htb.FilterByHost, null, clock),
  "new FilterByServer": constructed(htb.FilterByServer, null, clock),
  "new HierarchicalBucketFilter": constructed(htb.HierarchicalBucketFilter, null, clock),
  "new ShapedConsumer": constructed(htb.ShapedConsumer, new StringTransport(), bucket(), clock),
  "new ShapedProtocolFactory": constructed(
    htb.ShapedProtocolFactory,
    server(),
    new htb.FilterByHost(null, clock),
    clock,
  ),
  "new ShapedTransport": ofWrapper(htb.ShapedTransport),
};

const client = (): memcache.MemCacheProtocol => new memcache.MemCacheProtocol({ clock });
const KEY_VALUE = ["key", "value"] as const;

const identClient = (): ident.IdentClient => Object.assign(new ident.IdentClient(), { clock });

const IDENT: Calls = {
  "IdentClient.lookup": sending(identClient, "lookup", 1, 2),
};

const MEMCACHE: Calls = {
  "MemCacheProtocol.add": sending(client, "add", ...KEY_VALUE, 0, 0),
  "MemCacheProtocol.append": sending(client, "append", ...KEY_VALUE),
  "MemCacheProtocol.checkAndSet": sending(client, "checkAndSet", ...KEY_VALUE, "1", 0, 0),
  "MemCacheProtocol.decrement": sending(client, "decrement", "key", 1),
  "MemCacheProtocol.delete": sending(client, "delete", "key"),
  "MemCacheProtocol.get": sending(client, "get", "key", false),
  "MemCacheProtocol.getMultiple": sending(client, "getMultiple", ["key"], false),
  "MemCacheProtocol.increment": sending(client, "increment", "key", 1),
  "MemCacheProtocol.prepend": sending(client, "prepend", ...KEY_VALUE),
  "MemCacheProtocol.replace": sending(client, "replace", ...KEY_VALUE, 0, 0),
  "MemCacheProtocol.set": sending(client, "set", ...KEY_VALUE, 0, 0),
  "MemCacheProtocol.stats": sending(client, "stats", ""),
  "new MemCacheProtocol": constructed(memcache.MemCacheProtocol, {}),
};

const POLICIES: Calls = {
  "ProtocolWrapper.setTcpKeepAlive": sending(wrapper, "setTcpKeepAlive", true),
  "ProtocolWrapper.setTcpNoDelay": sending(wrapper, "setTcpNoDelay", true),
  TimeoutMixin: made(policies.TimeoutMixin as never, Protocol),
  "new LimitConnectionsByPeer": ofPolicy(policies.LimitConnectionsByPeer),
  "new ProtocolWrapper": ofWrapper(policies.ProtocolWrapper),
  "new SpewingFactory": ofPolicy(policies.SpewingFactory),
  "new SpewingProtocol": ofWrapper(policies.SpewingProtocol),
  "new ThrottlingFactory": ofPolicy(policies.ThrottlingFactory, {}),
  "new ThrottlingProtocol": ofWrapper(policies.ThrottlingProtocol),
  "new TimeoutFactory": ofPolicy(policies.TimeoutFactory, 1, clock),
  "new TimeoutProtocol": ofWrapper(policies.TimeoutProtocol, 1),
  "new TrafficLoggingFactory": ofPolicy(policies.TrafficLoggingFactory, nothing, {}),
  "new TrafficLoggingProtocol": ofWrapper(policies.TrafficLoggingProtocol, nothing, 1, 1),
  "new WrappingFactory": ofPolicy(policies.WrappingFactory),
};

export const PROTOCOLS_CALLS: Calls = {
  ...HTB,
  ...IDENT,
  ...MEMCACHE,
  ...POLICIES,
  "FileSender.beginFileTransfer": () => {
    const consumer = new StringTransport();
    const sender = new basic.FileSender();
    return {
      call: sender.beginFileTransfer.bind(sender),
      good: [(async function* () {})(), consumer, null],
      begun: () => (consumer.producer === null ? [] : [consumer.producer]),
    };
  },
  "IntNStringReceiver.sendString": sending(() => new basic.Int32StringReceiver(), "sendString", "x"),
  "LineOnlyReceiver.sendLine": sending(() => new basic.LineOnlyReceiver(), "sendLine", "x"),
  "LineReceiver.setLineMode": sending(() => new basic.LineReceiver(), "setLineMode", new Uint8Array()),
  "NetstringReceiver.sendString": sending(() => new basic.NetstringReceiver(), "sendString", "x"),
  "Proxy.endWhenIdle": () => {
    const proxy = new portforward.Proxy();
    return { call: proxy.endWhenIdle.bind(proxy), good: [clock, 1] };
  },
  "ProxyFactory.connect": () => {
    const reactor = new MemoryReactorClock();
    const factory = new portforward.ProxyFactory("h", 80, { reactor });
    return {
      call: factory.connect.bind(factory),
      good: [ClientFactory.forProtocol(Protocol)],
      begun: () => reactor.tcpClients,
    };
  },
  "ProxyHeaderParser.feed": () => {
    const parser = new haproxy.ProxyHeaderParser();
    return { call: parser.feed.bind(parser), good: [new Uint8Array()] };
  },
  "SOCKS4ClientEndpoint.connect": () => {
    const through = new socks.SOCKS4ClientEndpoint({ connect: nothing } as never, "h", 80);
    return { call: through.connect.bind(through), good: [server()] };
  },
  StatefulStringProtocol: made(basic.StatefulStringProtocol as never, basic.NetstringReceiver),
  finger: made(finger.finger, endpoint, "", {}),
  "new Daytime": constructed(wire.Daytime, clock),
  "new FingerClient": constructed(finger.FingerClient, "", {}),
  "new HAProxyWrappingFactory": constructed(haproxy.HAProxyWrappingFactory, server(), { trusted: "any" }),
  "new ProxyFactory": constructed(portforward.ProxyFactory, "h", 80, {}),
  "new SOCKS4ClientEndpoint": constructed(socks.SOCKS4ClientEndpoint, endpoint, "h", 80, "", {}),
  "new SOCKSv4": constructed(socks.SOCKSv4, new MemoryReactorClock(), null),
  "new Time": constructed(wire.Time, clock),
  proxyEndpoint: made(haproxy.proxyEndpoint, endpoint, { trusted: "any" }),
  proxyHeader: made(haproxy.proxyHeader, { source: null, destination: null }, 1),
};

function ofPolicy(Wrapper: unknown, ...good: unknown[]): () => Call {
  return constructed(Wrapper, server(), ...good);
}

function ofWrapper(Wrapper: unknown, ...good: unknown[]): () => Call {
  return constructed(Wrapper, new policies.WrappingFactory(server()), new Protocol(), ...good);
}

function wrapper(): policies.ProtocolWrapper {
  return new policies.ProtocolWrapper(new policies.WrappingFactory(server()) as never, new Protocol());
}
