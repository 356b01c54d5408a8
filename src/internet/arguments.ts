/** Argument checks for plain JavaScript callers. Each error names the argument, what came, and what is accepted. */

/** How an error message describes a value: a string in quotes, an object by its class. */
export function described(value: unknown): string {
  if (typeof value === "string") return `"${value}" (a string)`;
  if (typeof value === "function") return isClass(value) ? `the class ${value.name}` : "a function";
  if (typeof value !== "object" || value === null) return String(value);
  const name = className(value);
  return name === "" || name === "Object" ? "a plain object" : `an instance of ${name}`;
}

/** The first of `methods` that `value` lacks. */
export function missingMethod(value: unknown, methods: readonly string[]): string | undefined {
  return methods.find((name) => !has(value, name));
}

// --- factories -------------------------------------------------------------------------------------------------------

const FACTORY = ["buildProtocol", "doStart", "doStop"];
const CLIENT_FACTORY = ["startedConnecting", "clientConnectionFailed", "clientConnectionLost"];

/** Check the factory that `call` was given. @throws TypeError */
export function ensureFactory(call: string, factory: unknown, kind = "Factory"): void {
  const missing = missingMethod(factory, FACTORY);
  if (missing === undefined) return;
  throw new TypeError(`${call} needs a factory, not ${described(factory)}: ${wayToFactory(factory, missing, kind)}.`);
}

function wayToFactory(value: unknown, missing: string, kind: string): string {
  if (typeof value === "function") {
    if (has(value.prototype, "buildProtocol")) return `give it new ${value.name}()`;
    if (has(value.prototype, "makeConnection")) return `give it ${kind}.forProtocol(${value.name})`;
  } else {
    if (has(value, "makeConnection")) return `give it ${kind}.forProtocol(${className(value as object)})`;
    if (has(value, "buildProtocol")) return `it has no ${missing}(), which it gets when its class extends ${kind}`;
  }
  return `${kind}.forProtocol(MyProtocol) makes one, where MyProtocol is your class`;
}

function ensureClientFactory(call: string, factory: unknown): void {
  ensureFactory(call, factory, "ClientFactory");
  const missing = missingMethod(factory, CLIENT_FACTORY);
  if (missing === undefined) return;
  throw new TypeError(
    `${call} needs a ClientFactory, and ${described(factory)} is none: it has no ${missing}(). A plain Factory goes ` +
      `with an endpoint's connect(), as in clientFromString(reactor, "tcp:localhost:80").connect(factory).`,
  );
}

// --- reactors and what they watch ------------------------------------------------------------------------------------

const FILE_DESCRIPTOR = ["fileno", "connectionLost", "logPrefix"];

/** Check what addReader() was given. @throws TypeError */
export function ensureReader(reader: unknown): void {
  ensureDescriptor("addReader(reader)", reader, "doRead");
}

/** Check what addWriter() was given. @throws TypeError */
export function ensureWriter(writer: unknown): void {
  ensureDescriptor("addWriter(writer)", writer, "doWrite");
}

function ensureDescriptor(call: string, object: unknown, own: string): void {
  const missing = has(object, own) ? missingMethod(object, FILE_DESCRIPTOR) : own;
  if (missing === undefined) return;
  throw new TypeError(
    `${call} needs an object with ${[own, ...FILE_DESCRIPTOR].join("(), ")}(): ${described(object)} has no ${missing}().`,
  );
}

/** Check what serverFromString() and its like were given; `method` is what is asked of the reactor. @throws TypeError */
export function ensureDescription(name: string, reactor: unknown, method: string, description: unknown): void {
  const call = `${name}(reactor, description)`;
  if (!has(reactor, method)) {
    throw new TypeError(`${call} needs a reactor, as the one that "skein/reactor" exports, not ${described(reactor)}.`);
  }
  if (typeof description !== "string") {
    throw new TypeError(`${call} needs a string, as in "tcp:8080", not ${described(description)}.`);
  }
}

/** Check the clock that `call` was given. @throws TypeError */
export function ensureClock(call: string, clock: unknown): void {
  if (has(clock, "callLater")) return;
  throw new TypeError(`${call} needs a clock, as every reactor is one, not ${described(clock)}.`);
}

// --- TCP -------------------------------------------------------------------------------------------------------------

const MAX_PORT = 65_535;
const LISTEN_OPTIONS = ["backlog", "interface", "reusePort"];
const CONNECT_OPTIONS = ["timeout", "bindAddress"];

/** Check what listenTCP() was given. @throws RangeError for the port; TypeError for the rest */
export function ensureListenTCP(port: unknown, factory: unknown, options: unknown): void {
  ensurePort(port);
  ensureFactory("listenTCP(port, factory)", factory);
  ensureOptions("listenTCP(port, factory, options)", options, LISTEN_OPTIONS);
}

/** Check what connectTCP() was given. @throws RangeError for the port; TypeError for the rest */
export function ensureConnectTCP(host: unknown, port: unknown, factory: unknown, options: unknown): void {
  if (typeof host !== "string") {
    throw new TypeError(`connectTCP(host, port, factory) needs a host, as in "localhost", not ${described(host)}.`);
  }
  ensurePort(port);
  ensureClientFactory("connectTCP(host, port, factory)", factory);
  ensureOptions("connectTCP(host, port, factory, options)", options, CONNECT_OPTIONS);
}

function ensurePort(port: unknown): void {
  if (isPort(port)) return;
  const way = typeof port === "string" && port.trim() !== "" && isPort(Number(port)) ? ": use Number(port)" : "";
  throw new RangeError(`A port is an integer from 0 to ${MAX_PORT}, not ${described(port)}${way}.`);
}

function isPort(port: unknown): boolean {
  return Number.isInteger(port) && (port as number) >= 0 && (port as number) <= MAX_PORT;
}

/** An unknown option is refused, not ignored: it may be a misspelled one that was meant to restrict access. */
function ensureOptions(call: string, options: unknown, known: readonly string[]): void {
  const names = known.join(", ");
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`${call} takes its options as an object (${names}), not ${described(options)}.`);
  }
  for (const name in options) {
    if (!known.includes(name)) throw new TypeError(`${call} has no option "${name}". It has: ${names}.`);
  }
}

// --- values ----------------------------------------------------------------------------------------------------------

function has(value: unknown, method: string): boolean {
  return typeof (value as Record<string, unknown> | null | undefined)?.[method] === "function";
}

/** Classes declared with `class` cannot be called, and their `prototype` is not writable. */
function isClass(f: object): boolean {
  return Object.getOwnPropertyDescriptor(f, "prototype")?.writable === false;
}

function className(value: object): string {
  const maker: unknown = value.constructor;
  return typeof maker === "function" ? maker.name : "";
}
