/**
 * The bounds of docs/defaults.md, for scripts/defaults.mjs. `source` is a file of this repository and a constant in it, from
 * which the value is read; `option` is how a program changes it, "–" or no option if it cannot.
 */

const cli = (name) => `src/cli/limits.ts#${name}`;
const socks = (name) => `src/protocols/socks/options.ts#SOCKS_DEFAULTS.${name}`;
const chat = (name) => `src/protocols/chat/limits.ts#DEFAULTS.${name}`;

export const SECTIONS = [
  {
    title: "Every service of `skein serve`",
    text:
      "They apply to all ports of a process together. `none` turns a limit off. A connection counts from accept to close, " +
      "behind `haproxy:` as well; the peer is then the one that the header names.",
    bounds: [
      { what: "connections in all", source: cli("MAX_CONNECTIONS"), option: "`--max-connections N`", passed: "a further one is reset, before a protocol is built" },
      { what: "connections of one peer: an IPv4 address, or a /64 network of IPv6", source: cli("MAX_PER_PEER"), option: "`--max-per-peer N`", passed: "a further one is reset" },
      { what: "time without a byte received or written", source: cli("IDLE_SECONDS"), unit: "seconds", option: "`--idle SECONDS`", passed: "the connection is closed within a tenth more; if that does not end it within another tenth, it is reset" },
      { what: "time between two log messages about refused connections of one kind", source: "src/protocols/refusals.ts#REFUSALS_SECONDS", unit: "seconds", passed: "the refusals are counted, and the next message tells the number" },
      { what: "connections that wait to be accepted, of one endpoint", source: "src/cli/serve.ts#BACKLOG", option: "`backlog=N` of the endpoint", passed: "the kernel drops it, and the client tries again a second later" },
    ],
  },
  {
    title: "Every connection",
    bounds: [
      { what: "bytes that wait to be sent", source: "src/internet/stream/sendqueue.ts#HIGH_WATER", unit: "bytes", passed: "a streaming producer is paused; on an accepted connection, a receiver of messages delivers no further one and stops reading (`backPressure`). `write()` itself is never refused" },
      { what: "bytes of one read", source: "native/engine/engine.h#kReadBytesMax", unit: "bytes", passed: "the rest waits in the kernel" },
      { what: "bytes received but not delivered, over Node's sockets (`nodereactor`)", source: "src/internet/nodeengine/connection.ts#UNREAD_BYTES_MAX", unit: "bytes", passed: "reading stops" },
      { what: "one sweep of closed connections whose peer still sends; each lingers for two at most", source: "src/internet/engine/link.ts#SWEEP_SECONDS", unit: "seconds", passed: "the socket is closed" },
      { what: "closed connections that linger at once, of a native reactor", source: "native/engine/engine.h#kLingeringMost", passed: "the oldest are closed" },
      { what: "the same, of `nodereactor`", source: "src/internet/engine/lingering.ts#LINGERING_MAX", passed: "the oldest are closed" },
      { what: "time for an outgoing connection", source: "src/internet/stream/connector.ts#DEFAULT_TIMEOUT_SECONDS", unit: "seconds", option: "`timeout`", passed: "`ConnectTimeoutError`" },
      { what: "time for the last bytes when the reactor stops", source: "src/internet/reactor/engine.ts#LAST_BYTES_SECONDS", unit: "seconds", passed: "what is left is reset" },
      { what: "pause before a listener that has no descriptor tries again; it also does when a connection closes", source: "src/internet/stream/port.ts#RETRY_SECONDS", unit: "seconds", passed: "connections wait in the backlog meanwhile" },
      { what: "bytes of the name of a host", source: "src/internet/reactor/resolve.ts#NAME_BYTES_MAX", unit: "bytes", passed: "`DNSLookupError`; the resolver is not asked" },
      { what: "characters of the description of an endpoint", source: "src/internet/endpoints/description.ts#DESCRIPTION_MAX", unit: "characters", passed: "`InvalidEndpointError`" },
      { what: "longest wait of a `ReconnectingClientFactory`", source: "src/internet/protocol.ts#ReconnectingClientFactory.maxDelay", unit: "seconds", option: "`maxDelay`", passed: "waits do not grow further" },
    ],
  },
  {
    title: "Receivers of messages (`skein/protocols/basic`)",
    bounds: [
      { what: "a line of `LineReceiver`, `LineOnlyReceiver`", source: "src/protocols/basic/line.ts#LineOnlyReceiver.MAX_LENGTH", unit: "bytes", option: "`MAX_LENGTH`", passed: "the connection is closed: `lineLengthExceeded()`" },
      { what: "a string of `NetstringReceiver`", source: "src/protocols/basic/netstring.ts#NetstringReceiver.MAX_LENGTH", unit: "bytes", option: "`MAX_LENGTH`", passed: "the connection is closed: `brokenPeer`" },
      { what: "a string of `Int8StringReceiver`, `Int16StringReceiver`, `Int32StringReceiver`", source: "src/protocols/basic/intn.ts#IntNStringReceiver.MAX_LENGTH", unit: "bytes", option: "`MAX_LENGTH`", passed: "the connection is closed: `lengthLimitExceeded()`" },
    ],
  },
  {
    title: "Streams (`skein/streams`)",
    bounds: [
      { what: "bytes that wait for their reader", source: "src/streams/intake.ts#HIGH_WATER", unit: "bytes", passed: "reading stops" },
      { what: "bytes in a tick of the event loop", source: "src/streams/tickbudget.ts#BYTES_A_TICK", unit: "bytes", passed: "the next operation waits for the next tick" },
      { what: "time for what was written when a Duplex is destroyed", source: "src/streams/socketduplex.ts#FLUSH_MS", unit: "milliseconds", passed: "the rest is dropped" },
    ],
  },
  {
    title: "Policies (`skein/protocols/policies`)",
    bounds: [
      { what: "connections of one peer with `LimitConnectionsByPeer`", source: "src/protocols/policies/limits.ts#LimitConnectionsByPeer.maxConnectionsPerPeer", option: "`maxConnectionsPerPeer`", passed: "a further one is reset" },
      { what: "time without a byte with `TimeoutFactory`", source: "src/protocols/policies/timeout.ts#IDLE_SECONDS", unit: "seconds", option: "`timeoutPeriod`", passed: "the connection is closed" },
      { what: "time for what was written once `TimeoutFactory` or `TimeoutMixin` has closed a connection, if the timeout is no less", source: "src/protocols/policies/timeout.ts#FLUSH_SECONDS", unit: "seconds", passed: "the connection is reset" },
    ],
  },
  {
    title: "Chat",
    bounds: [
      { what: "a line", source: chat("maxLine"), unit: "bytes", option: "`maxLine`", passed: "the connection is closed" },
      { what: "lines of a client in a second, on average", source: chat("linesPerSecond"), option: "`linesPerSecond`", passed: "further lines are dropped" },
      { what: "lines of a client at once after a silence", source: chat("lineBurst"), option: "`lineBurst`", passed: "further lines are dropped; as many dropped ones close the connection" },
      { what: "lines of all clients of a peer in a second, on average, those that left included; that a member left counts as one", source: chat("peerLinesPerSecond"), option: "`peerLinesPerSecond`", passed: "further lines are dropped" },
      { what: "lines of all clients of a peer at once after a silence", source: chat("peerLineBurst"), option: "`peerLineBurst`", passed: "further lines are dropped, as above" },
      { what: "peers remembered that have no connection, until they could send a burst again", source: "src/protocols/chat/peers.ts#PEERS_REMEMBERED", passed: "the one that left first is forgotten" },
      { what: "bytes that the room sends in a second for what its members say, on average; a line to a member counts as 64 at least", source: chat("roomBytesPerSecond"), unit: "bytes", option: "`roomBytesPerSecond`", passed: "clients are paused, and take turns by peers" },
      { what: "a line to a member, at least", source: "src/protocols/chat.ts#LINE_COST", unit: "bytes", passed: "it counts as so many of the room's" },
      { what: "what the room may send at once after a silence", source: "src/protocols/chat/turns.ts#BURST_SECONDS", unit: "seconds", passed: "clients are paused, and take turns by peers" },
      { what: "a name", source: chat("maxName"), unit: "characters", option: "`maxName`", passed: "the name is refused" },
      { what: "time until a client has a name", source: chat("nameTime"), unit: "seconds", option: "`nameTime`", passed: "the connection is closed" },
      { what: "clients that have a name", source: chat("maxMembers"), option: "`maxMembers`", passed: "a further one is told so, and closed" },
      { what: "names in one answer", source: "src/protocols/chat.ts#NAMES_LISTED", passed: "the number of the others is told" },
      { what: "bytes that wait for a client above the high-water mark", source: chat("maxBacklog"), unit: "bytes", option: "`maxBacklog`", passed: "the connection is reset" },
      { what: "time above the high-water mark", source: chat("patience"), unit: "seconds", option: "`patience`", passed: "the connection is reset" },
      { what: "time for the last message when the service stops", source: "src/protocols/chat.ts#SHUTDOWN_SECONDS", unit: "seconds", passed: "the connection is reset" },
    ],
  },
  {
    title: "SOCKS server",
    bounds: [
      { what: "time for the request", source: socks("requestTimeout"), unit: "seconds", option: "`requestTimeout`", passed: "the request is rejected" },
      { what: "time for the look-up and the connection", source: socks("connectTimeout"), unit: "seconds", option: "`connectTimeout`", passed: "the request is rejected" },
      { what: "time for the connection to a port of BIND, which is off by default", source: socks("bindTimeout"), unit: "seconds", option: "`bindTimeout`", passed: "the request is rejected" },
      { what: "time in which nothing is forwarded", source: socks("idleTimeout"), unit: "seconds", option: "`idleTimeout`", passed: "both sides are closed" },
      { what: "requests at once, relays included", source: socks("maxRelays"), option: "`maxRelays`", passed: "the request is rejected" },
      { what: "ports of BIND", source: socks("maxBinds"), option: "`maxBinds`", passed: "the request is rejected" },
      { what: "ports of BIND for one peer", source: socks("maxBindsPerPeer"), option: "`maxBindsPerPeer`", passed: "the request is rejected" },
      { what: "look-ups at once, one for each peer", source: socks("maxLookups"), option: "`maxLookups`", passed: "the look-up waits" },
      { what: "look-ups that wait", source: "src/protocols/socks/lookups.ts#QUEUED_MAX", passed: "the request is rejected" },
      { what: "look-ups that wait of one peer", source: "src/protocols/socks/lookups.ts#QUEUED_PER_PEER_MAX", passed: "the request is rejected" },
      { what: "bytes before the destination is connected", source: "src/protocols/socks.ts#EARLY_BYTES_MAX", unit: "bytes", passed: "the request is rejected" },
      { what: "a user or a name in a request", source: "src/protocols/socks/request.ts#TEXT_MAX", unit: "bytes", passed: "the request is rejected" },
      { what: "time for a rejected client to leave", source: "src/protocols/socks.ts#LINGER_SECONDS", unit: "seconds", passed: "the connection is reset" },
      { what: "time for a server's reply to `SOCKS4ClientEndpoint`", source: "src/protocols/socks/client.ts#REPLY_SECONDS", unit: "seconds", option: "`timeout`", passed: "the attempt fails" },
      { what: "age of the list of this machine's addresses", source: "src/protocols/socks/policy.ts#OWN_SECONDS", unit: "seconds", passed: "it is made anew" },
      { what: "a line of the log", source: "src/protocols/socks.ts#LINE_MAX", unit: "characters", passed: "it is cut" },
      { what: "time between two log messages of `skein serve socks` about refusals of one kind", source: "src/protocols/refusals.ts#REFUSALS_SECONDS", unit: "seconds", passed: "the refusals are counted, and the next message tells the number" },
    ],
  },
  {
    title: "Port forwarding",
    bounds: [
      { what: "time to connect to the target", source: "src/protocols/portforward.ts#CONNECT_SECONDS", unit: "seconds", option: "`timeout`", passed: "the client's connection is closed" },
      { what: "time in which nothing is forwarded", source: "src/protocols/portforward.ts#RELAY_IDLE_SECONDS", unit: "seconds", option: "`idleTimeout`", passed: "both sides are closed" },
      { what: "the same, of SOCKS too, once one side has ended", source: "src/protocols/relay/idle.ts#HALF_OPEN_SECONDS", unit: "seconds", passed: "both sides are closed" },
      { what: "time for what is queued, of SOCKS too, once both sides were closed", source: "src/protocols/relay/idle.ts#CLOSING_SECONDS", unit: "seconds", passed: "both sides are reset" },
      { what: "clients that wait for the target", source: "src/protocols/portforward.ts#WAITING_MAX", option: "`maxWaiting`", passed: "a further one is reset" },
      { what: "bytes of a client before the target is connected", source: "src/protocols/portforward.ts#EARLY_BYTES_MAX", unit: "bytes", passed: "the client is paused" },
      { what: "time to connect once the client has sent FIN or is paused", source: "src/protocols/portforward.ts#UNHEARD_SECONDS", unit: "seconds", passed: "the attempt ends" },
    ],
  },
  {
    title: "PROXY headers (`haproxy:`)",
    bounds: [
      { what: "time for the header", source: "src/protocols/haproxy/options.ts#TIMEOUT_SECONDS", unit: "seconds", option: "`timeout`", passed: "the connection is reset" },
      { what: "connections that wait for their headers", source: "src/protocols/haproxy/options.ts#WAITING_MAX", option: "`maxWaiting`", passed: "the one that has waited longest is closed" },
      { what: "a header of version 1", source: "src/protocols/haproxy/v1.ts#V1_MAX", unit: "bytes", passed: "the connection is reset" },
      { what: "addresses in a header of version 2; what follows them is skipped as it arrives", source: "src/protocols/haproxy/v2.ts#V2_ADDRESSES_MAX", unit: "bytes", passed: "it is not kept" },
      { what: "time between two log messages about refused headers, about clients that a port forwarder does not forward, and about connections that a ThrottlingFactory closes", source: "src/protocols/refusals.ts#REFUSALS_SECONDS", unit: "seconds", passed: "refusals are counted" },
    ],
  },
  {
    title: "Finger, ident, memcache",
    bounds: [
      { what: "a query to a finger server", source: "src/protocols/finger.ts#Finger.MAX_LENGTH", unit: "bytes", option: "`MAX_LENGTH`", passed: "the connection is closed" },
      { what: "an answer to `finger()`", source: "src/protocols/finger.ts#ANSWER_MAX", unit: "bytes", option: "`maxLength`", passed: "the query fails" },
      { what: "time for a whole answer to `finger()`", source: "src/protocols/finger.ts#ANSWER_SECONDS", unit: "seconds", option: "`timeout`", passed: "the query fails, and the connection is reset" },
      { what: "a line of ident, either way", source: "src/protocols/ident.ts#LINE_MAX", unit: "bytes", option: "`MAX_LENGTH`", passed: "the connection is closed" },
      { what: "time without a complete query to an ident server", source: "src/protocols/ident.ts#IDLE_SECONDS", unit: "seconds", option: "`idleTimeOut`", passed: "the connection is closed" },
      { what: "queries on a connection to an ident server", source: "src/protocols/ident.ts#SERVED_MAX", option: "`maxQueries`", passed: "the connection is closed" },
      { what: "age of what an ident server knows of connections and users", source: "src/protocols/ident/snapshot.ts#SNAPSHOT_SECONDS", unit: "seconds", passed: "it is read again" },
      { what: "bytes of the system's table of connections that an ident server reads", source: "src/protocols/ident/lines.ts#FILE_MAX", unit: "bytes", passed: "the rest is not read" },
      { what: "time for a reply to an ident client", source: "src/protocols/ident.ts#REPLY_SECONDS", unit: "seconds", option: "`replyTimeOut`", passed: "the connection is closed" },
      { what: "queries of an ident client that wait", source: "src/protocols/ident.ts#WAITING_MAX", option: "`maxQueries`", passed: "the query fails" },
      { what: "time without a byte of an answer of memcached", source: "src/protocols/memcache/options.ts#TIMEOUT_SECONDS", unit: "seconds", option: "`timeOut`", passed: "all queries fail, and the connection is reset" },
      { what: "a key of memcached", source: "src/protocols/memcache.ts#MemCacheProtocol.MAX_KEY_LENGTH", unit: "bytes", option: "`MAX_KEY_LENGTH`", passed: "`ClientError`" },
      { what: "time for a whole answer of memcached", source: "src/protocols/memcache/options.ts#REPLY_SECONDS", unit: "seconds", option: "`replyTimeOut`", passed: "all queries fail, and the connection is reset" },
      { what: "a value that a memcached server announces", source: "src/protocols/memcache/options.ts#VALUE_MAX", unit: "bytes", option: "`maxValue`", passed: "the connection is reset" },
      { what: "all values of one answer of memcached, with their lines", source: "src/protocols/memcache/options.ts#REPLY_MAX", unit: "bytes", option: "`maxReply`", passed: "the connection is reset" },
      { what: "statistics in one answer of memcached", source: "src/protocols/memcache/commands.ts#STATS_MAX", passed: "the connection is reset" },
      { what: "bytes of statistics in one answer of memcached", source: "src/protocols/memcache/commands.ts#STATS_BYTES_MAX", unit: "bytes", passed: "the connection is reset" },
      { what: "commands to a memcached server that wait for their answers", source: "src/protocols/memcache/options.ts#IN_FLIGHT_MAX", option: "`maxInFlight`", passed: "`ClientError`" },
    ],
  },
  {
    title: "Logging",
    bounds: [
      { what: "bytes queued for a stream", source: "src/logger/sink.ts#QUEUED_MAX", unit: "bytes", passed: "events are dropped, and their number is logged when it works again" },
      { what: "longest time until a stream that failed is tried again", source: "src/logger/sink.ts#RETRY_MAX", unit: "milliseconds", passed: "the time is not doubled further" },
      { what: "bytes that wait for a log file", source: "src/logger/file.ts#BUFFERED_MAX", unit: "bytes", option: "`maxBufferedBytes`", passed: "events are dropped, and their number is written when the file works again" },
      { what: "a log file before it is rotated", source: "src/logger/file.ts#ROTATE_BYTES", unit: "bytes", option: "`rotateBytes`", passed: "the file is rotated" },
      { what: "old log files", source: "src/logger/file.ts#FILES_MAX", option: "`maxFiles`", passed: "the oldest is deleted" },
      { what: "a field, a string or a stack in an event", source: "src/logger/printable.ts#FIELD_MAX", unit: "characters", passed: "it is cut" },
      { what: "the message, the stacks, or the fields in JSON, of an event", source: "src/logger/printable.ts#EVENT_MAX", unit: "characters", passed: "they are cut" },
      { what: "a name in an event", source: "src/logger/printable.ts#NAME_MAX", unit: "characters", passed: "it is cut" },
      { what: "text from elsewhere in an error", source: "src/logger/printable.ts#PRINTABLE_MAX", unit: "characters", passed: "it is cut" },
      { what: "properties and elements of a field that is shown", source: "src/logger/limits.ts#INSPECTED_MAX", passed: "its class is shown instead" },
      { what: "depth of a field in JSON", source: "src/logger/jsonvalues.ts#DEPTH_MAX", unit: "levels", passed: "deeper values are left out" },
      { what: "values of an event in JSON", source: "src/logger/jsonvalues.ts#VALUES_MAX", passed: "further ones are left out" },
      { what: "causes of an error that are shown", source: "src/logger/describe.ts#CAUSES_MAX", passed: "further ones are left out" },
      { what: "a line of a JSON log that cannot be read", source: "src/logger/json.ts#SHOWN_MAX", unit: "characters", passed: "it is cut" },
    ],
  },
];

const forward = "src/protocols/portforward.ts";

/** The rows of SECURITY.md: a thing, its bounds of one connection, its bounds of one process. */
export const SECURITY = [
  ["any connection", "producers, and receivers of messages on accepted connections, stop at {src/internet/stream/sendqueue.ts#HIGH_WATER} that wait to be sent; one read is {native/engine/engine.h#kReadBytesMax}", "{native/engine/engine.h#kLingeringMost} closed ones linger; descriptors (`ulimit -n`): a listener without one waits"],
  ["`skein serve`", "{src/cli/limits.ts#IDLE_SECONDS} without a byte", "{src/cli/limits.ts#MAX_CONNECTIONS} connections, {src/cli/limits.ts#MAX_PER_PEER} of one peer"],
  ["lines", "{src/protocols/basic/line.ts#LineOnlyReceiver.MAX_LENGTH} and one chunk", "yours"],
  ["netstrings, prefixed strings", "{src/protocols/basic/netstring.ts#NetstringReceiver.MAX_LENGTH} and one chunk", "yours"],
  ["`skein/streams`", "{src/streams/intake.ts#HIGH_WATER} that wait for the reader, and one chunk", "yours"],
  ["chat", `{${chat("maxLine")}} a line, {${chat("linesPerSecond")}} lines a second, {${chat("maxBacklog")}} above the mark, {${chat("patience")}} above it, {${chat("nameTime")}} without a name`, `{${chat("maxMembers")}} members, {${chat("peerLinesPerSecond")}} lines a second of one peer, {${chat("roomBytesPerSecond")}} a second to all of them, and as \`skein serve\``],
  ["port forwarding", `{${forward}#CONNECT_SECONDS} to connect, {${forward}#EARLY_BYTES_MAX} before, {${forward}#RELAY_IDLE_SECONDS} idle`, `{${forward}#WAITING_MAX} that wait for the target`],
  ["SOCKS", `{${socks("requestTimeout")}} to ask, {${socks("connectTimeout")}} to connect, {${socks("idleTimeout")}} idle`, `{${socks("maxRelays")}} requests, {${socks("maxLookups")}} look-ups at once, {${socks("maxBinds")}} ports of BIND (off)`],
  ["PROXY headers", "{src/protocols/haproxy/options.ts#TIMEOUT_SECONDS} for the header", "{src/protocols/haproxy/options.ts#WAITING_MAX} that wait for theirs"],
  ["finger", "{src/protocols/finger.ts#Finger.MAX_LENGTH} a query, {src/protocols/finger.ts#ANSWER_MAX} and {src/protocols/finger.ts#ANSWER_SECONDS} an answer", "yours"],
  ["ident, as a server", "{src/protocols/ident.ts#LINE_MAX} a line, {src/protocols/ident.ts#SERVED_MAX} queries, {src/protocols/ident.ts#IDLE_SECONDS} without one", "reads the system's tables once in {src/protocols/ident/snapshot.ts#SNAPSHOT_SECONDS}"],
  ["memcache, as a client", "{src/protocols/memcache/options.ts#VALUE_MAX} a value, {src/protocols/memcache/options.ts#REPLY_MAX} an answer, {src/protocols/memcache/options.ts#TIMEOUT_SECONDS} without a byte, {src/protocols/memcache/options.ts#REPLY_SECONDS} an answer", "yours"],
  ["the log", "", "{src/logger/sink.ts#QUEUED_MAX} queued for each stream"],
];

const SPEED = "a choice of speed: nothing is refused or kept because of it";
const RANGE = "the range of a number that a program passes, not what a peer can make Skein hold";
const SAME = "the same value as another row";
const STATE = "counts or names a state";

/** What looks like a bound by its name but is none. */
export const NO_BOUNDS = new Map([
  ["src/addonfile.ts#HEAD_BYTES", "reads a file of the package"],
  ["src/cli/limits.ts#IDLE_STEPS", "the tenths in the row of --idle"],
  ["src/internet/address.ts#PORT_MAX", RANGE],
  ["src/internet/arguments/described.ts#TEXT_MAX", "the text of an error about a program's argument"],
  ["src/internet/arguments/reactors.ts#MAX_BACKLOG", RANGE],
  ["src/internet/defer/deferred.ts#WAITING", STATE],
  ["src/internet/defer/lockrecord.ts#RECORD_BYTES", "reads a lock file, whose directory is trusted"],
  ["src/internet/defer/unhandled.ts#MAX_FRESH", SPEED],
  ["src/internet/endpoints/tcp.ts#MAX_PORT", RANGE],
  ["src/internet/endpoints/tcp.ts#MAX_BACKLOG", RANGE],
  ["src/internet/engine/addresses.ts#PACKED_ADDRESS_MOST", "the format of the addon's reports"],
  ["src/internet/engine/addresses.ts#RECENT_HOSTS_MAX", SPEED],
  ["src/internet/engine/link.ts#SIZES.arenaBytes", SPEED],
  ["src/internet/engine/memory.ts#PAGE_BYTES", SPEED],
  ["src/internet/engine/memory.ts#SHARED_BYTES", SPEED],
  ["src/internet/engine/stagedwrites.ts#STAGED_BYTES_MAX", SPEED],
  ["src/internet/failure.ts#CAUSES_MAX", "the causes of an error of the program's own"],
  ["src/logger/rotatingfile.ts#BATCH_BYTES", SPEED],
  ["src/internet/nodeengine/connection.ts#DIRECT_BYTES", SPEED],
  ["src/internet/nodeengine/connection.ts#HELD_BYTES", SPEED],
  ["src/internet/nodeengine/engine.ts#READ_BYTES_MAX", SAME],
  ["src/internet/nodeengine/engine.ts#HOLD_SECONDS", "a timer that keeps the process alive"],
  ["src/internet/nodeengine/listener.ts#EPISODE_MS", "how often a message is logged"],
  ["src/internet/nodeengine/outbox.ts#BLOCK_BYTES", SPEED],
  ["src/internet/nodeengine/outbox.ts#LARGE_BYTES", SPEED],
  ["src/internet/nodeengine/outbox.ts#SPARE_BLOCKS_MAX", SPEED],
  ["src/internet/reactor/fdset.ts#SWEEP_SECONDS", "watches descriptors of the program's own"],
  ["src/internet/reactor/loop.ts#TIMEOUT_MS_MAX", RANGE],
  ["src/internet/reactor/resolve.ts#LABEL_BYTES_MAX", "a part of the name in the row above"],
  ["src/internet/stream/connector.ts#REFUSED_SECONDS", "an attempt while the reactor stops"],
  ["src/internet/stream/port.ts#HOSTS_MAX", SPEED],
  ["src/internet/task/cooperator.ts#SLICE_MS", SPEED],
  ["src/protocols/basic/intn.ts#COPIED_MAX", SPEED],
  ["src/protocols/ident.ts#IdentServer.MAX_LENGTH", SAME],
  ["src/protocols/ident.ts#IdentServer.idleTimeOut", SAME],
  ["src/protocols/ident.ts#IdentServer.maxQueries", SAME],
  ["src/protocols/ident.ts#IdentClient.maxQueries", SAME],
  ["src/protocols/ident/lines.ts#CHUNK_BYTES", SPEED],
  ["src/protocols/ident.ts#IdentClient.MAX_LENGTH", SAME],
  ["src/protocols/ident.ts#PORT_MAX", RANGE],
  ["src/protocols/memcache.ts#FLAGS_MAX", RANGE],
  ["src/protocols/memcache/options.ts#MEMCACHED_MAX", RANGE],
  ["src/protocols/memcache/options.ts#VALUE_LINE_MAX", "is added to maxReply where maxValue is larger"],
  ["src/protocols/memcache/commands.ts#QUOTE_MAX", "how much an error shows of a text"],
  ["src/protocols/memcache.ts#TIME_MAX", RANGE],
  ["src/protocols/relay/early.ts#FIRST_BYTES", SPEED],
  ["src/streams/duplexoptions.ts#MILLISECONDS_MAX", RANGE],
  ["src/streams/pieces.ts#HEAP_BYTES", SPEED],
  ["src/streams/tickbudget.ts#BYTES_A_REFILL", SPEED],
  ["native/engine/backoff.h#kFirstPauseMs", "repeats a system call of the engine's own"],
  ["native/engine/backoff.h#kLongestPauseMs", "repeats a system call of the engine's own"],
  ["native/engine/backoff.h#kPatienceMs", "repeats a system call of the engine's own"],
  ["native/engine/backoff.h#kToldPauseMs", "repeats a system call of the engine's own"],
  ["native/engine/filter.h#kOwnMost", "no transport uses it yet"],
]);
