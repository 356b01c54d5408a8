/**
 * Every error of the core. Each has a stable `code`, and a message that says what happened and what to do.
 * Names follow twisted.internet.error.
 */
import { printable } from "../logger/printable.ts";
import { check } from "./arguments/check.ts";
import { integer, text } from "./arguments/kinds.ts";
import { getSystemErrorMessage, getSystemErrorName } from "./errno.ts";
import { BACKENDS } from "./reactor/backends.ts";

/** The root of all errors that Skein raises by itself. */
export class SkeinError extends Error {
  /** Stable across releases: compare this rather than the message. */
  readonly code: string = "ERR_SKEIN";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Keep a property out of what `console.error()` prints of `error`: it is as it came, and the message has it escaped. */
function hide(error: SkeinError, property: string): void {
  Object.defineProperty(error, property, { enumerable: false });
}

// --- reactor ---------------------------------------------------------------------------------------------------------

/** installReactor() was called while a reactor is installed already. */
export class ReactorAlreadyInstalledError extends SkeinError {
  override readonly code: string = "ERR_REACTOR_ALREADY_INSTALLED";
}
/** A reactor was installed after the import of `skein/reactor` had installed the default one. */
export class ReactorInstalledTooLateError extends ReactorAlreadyInstalledError {
  override readonly code: string = "ERR_REACTOR_INSTALLED_TOO_LATE";
}
/** The reactor does not work here: the message says why, and which do. */
export class ReactorNotAvailableError extends SkeinError {
  override readonly code: string = "ERR_REACTOR_NOT_AVAILABLE";
}
/** run() was called while the reactor is already running. */
export class ReactorAlreadyRunning extends SkeinError {
  override readonly code: string = "ERR_REACTOR_ALREADY_RUNNING";
  constructor(message = "The reactor is already running: await the promise of the first run(), or call stop() first.") {
    super(message);
  }
}
/** stop() was called while the reactor is not running, or is already stopping. */
export class ReactorNotRunning extends SkeinError {
  override readonly code: string = "ERR_REACTOR_NOT_RUNNING";
  constructor(message = "The reactor is not running: call stop() only between run() and the first stop().") {
    super(message);
  }
}
/** The native engine could not be loaded. The message is a numbered list of ways out. */
export class NativeLoadError extends SkeinError {
  override readonly code: string = "ERR_NATIVE_LOAD";
}

// --- time ------------------------------------------------------------------------------------------------------------

/** cancel(), delay() or reset() was called on a delayed call that was made already. */
export class AlreadyCalled extends SkeinError {
  override readonly code: string = "ERR_ALREADY_CALLED";
  constructor(message = "This delayed call was made already: check active() first.") {
    super(message);
  }
}
/** cancel(), delay() or reset() was called on a delayed call that was cancelled. */
export class AlreadyCancelled extends SkeinError {
  override readonly code: string = "ERR_ALREADY_CANCELLED";
  constructor(message = "This delayed call was cancelled already: check active() first.") {
    super(message);
  }
}
/** The operation did not finish within its timeout. */
export class TimeoutError extends SkeinError {
  override readonly code: string = "ERR_TIMEOUT";
}

/** No clock was passed, and no reactor is installed to serve as one. */
export class NoClockError extends SkeinError {
  override readonly code: string = "ERR_NO_CLOCK";
  constructor(message = 'No clock was given and no reactor is installed: pass a clock, or import "skein/reactor".') {
    super(message);
  }
}

// --- listening -------------------------------------------------------------------------------------------------------

/** A local address cannot be used. */
export class BindError extends SkeinError {
  override readonly code: string = "ERR_BIND";
}
/** A port cannot listen. The message names the port and the kernel's error. */
export class CannotListenError extends BindError {
  override readonly code: string = "ERR_CANNOT_LISTEN";
  readonly interface: string;
  readonly port: number;
  /** The kernel's name of the error, as in "EADDRINUSE". */
  readonly socketError: string;

  constructor(interfaceName: string, port: number, errno: number) {
    const where = `${interfaceName === "" ? "any interface" : printable(interfaceName)}, port ${port}`;
    const name = getSystemErrorName(errno);
    const way =
      name === "EADDRINUSE"
        ? "Another socket listens there: stop it, choose another port, or use port 0 for a free one."
        : name === "EACCES"
          ? "Ports below 1024 need privileges (root or CAP_NET_BIND_SERVICE): choose a higher one."
          : name === "EADDRNOTAVAIL"
            ? "No interface of this machine has that address."
            : name === "EINVAL"
              ? "The interface must be a literal address, as in 127.0.0.1 or ::1."
              : "";
    super(`Cannot listen on ${where}: ${getSystemErrorMessage(errno)} (${name}). ${way}`.trimEnd());
    this.interface = interfaceName;
    hide(this, "interface");
    this.port = port;
    this.socketError = name;
  }
}

// --- connecting ------------------------------------------------------------------------------------------------------

/** A connection could not be made. */
export class ConnectError extends SkeinError {
  override readonly code: string = "ERR_CONNECT";
  /** The kernel's name of the error, or "" when it was not the kernel that refused. */
  readonly osError: string;

  constructor(message: string, osError = "", options?: ErrorOptions) {
    super(message, options);
    this.osError = osError;
  }
}
/** The local address of an outgoing connection cannot be used. */
export class ConnectBindError extends ConnectError {
  override readonly code: string = "ERR_CONNECT_BIND";
}
/** A host has no address. */
export class UnknownHostError extends ConnectError {
  override readonly code: string = "ERR_UNKNOWN_HOST";
}
/** There is no route to the host. */
export class NoRouteError extends ConnectError {
  override readonly code: string = "ERR_NO_ROUTE";
}
/** The peer refused the connection: nothing listens there. */
export class ConnectionRefusedError extends ConnectError {
  override readonly code: string = "ERR_CONNECTION_REFUSED";
}
/** The kernel's own connect timeout (ETIMEDOUT). */
export class TCPTimedOutError extends ConnectError {
  override readonly code: string = "ERR_TCP_TIMED_OUT";
}
/** The attempt did not succeed within the `timeout` option. */
export class ConnectTimeoutError extends ConnectError {
  override readonly code: string = "ERR_CONNECT_TIMEOUT";
}
/** The program called stopConnecting(). */
export class UserError extends ConnectError {
  override readonly code: string = "ERR_USER";
}
/** A host name could not be resolved. */
export class DNSLookupError extends ConnectError {
  override readonly code: string = "ERR_DNS_LOOKUP";
}
/** stopConnecting() was called while no attempt is in progress. */
export class NotConnectingError extends SkeinError {
  override readonly code: string = "ERR_NOT_CONNECTING";
}
/** The Deferred of an endpoint's `connect` was cancelled. */
export class ConnectingCancelledError extends SkeinError {
  override readonly code: string = "ERR_CONNECTING_CANCELLED";
  readonly address: unknown;

  constructor(address: unknown) {
    super(`The attempt to connect to ${String(address)} was cancelled.`);
    this.address = address;
    hide(this, "address");
  }
}
/** A factory built no protocol, so the connection was closed. */
export class NoProtocol extends SkeinError {
  override readonly code: string = "ERR_NO_PROTOCOL";
}

const ERRNO = integer(0);

/** The ConnectError for an errno of connect(2). @throws TypeError | RangeError */
export function getConnectError(errno: number, where: string): ConnectError {
  check("getConnectError(errno, where)", "errno", errno, ERRNO);
  check("getConnectError(errno, where)", "where", where, text);
  const name = getSystemErrorName(errno);
  const message = `Cannot connect to ${printable(where)}: ${getSystemErrorMessage(errno)} (${name}).`;
  switch (name) {
    case "ECONNREFUSED":
      return new ConnectionRefusedError(`${message} Nothing listens there.`, name);
    case "ENETUNREACH":
    case "EHOSTUNREACH":
    case "ENETDOWN":
      return new NoRouteError(`${message} There is no route from this machine.`, name);
    case "ETIMEDOUT":
      return new TCPTimedOutError(`${message} The peer never answered.`, name);
    case "EADDRINUSE":
    case "EADDRNOTAVAIL":
      return new ConnectBindError(`${message} No local address or port is free for it.`, name);
    case "EMFILE":
    case "ENFILE":
      return new ConnectError(`${message} Close connections or raise the limit of open files (ulimit -n).`, name);
    default:
      return new ConnectError(message, name);
  }
}

// --- connections that end --------------------------------------------------------------------------------------------

/** The reason of connectionLost(). Its subclasses say how the connection ended. */
export class ConnectionClosed extends SkeinError {
  override readonly code: string = "ERR_CONNECTION_CLOSED";
}
/** The connection was closed cleanly. */
export class ConnectionDone extends ConnectionClosed {
  override readonly code: string = "ERR_CONNECTION_DONE";
  constructor(message = "The connection was closed cleanly.") {
    super(message);
  }
}
/** The connection ended with an error, such as a reset. */
export class ConnectionLost extends ConnectionClosed {
  override readonly code: string = "ERR_CONNECTION_LOST";
  /** The kernel's name of the error, or "". */
  readonly osError: string;
  constructor(message = "The connection to the other side was lost in a non-clean way.", osError = "") {
    super(message);
    this.osError = osError;
  }
}
/** The connection was ended by abortConnection(). */
export class ConnectionAborted extends ConnectionLost {
  override readonly code: string = "ERR_CONNECTION_ABORTED";
  constructor(message = "The connection was aborted by abortConnection().") {
    super(message);
  }
}
/**
 * Bytes had come in plaintext when startTLS() was called: somebody on the way may have written them, and the protocol would
 * have taken them for what its peer says over TLS (CVE-2011-0411).
 */
export class PlaintextBeforeTLS extends ConnectionLost {
  override readonly code: string = "ERR_TLS_PLAINTEXT_BEFORE";
  constructor(peer: string, bytes: number) {
    super(
      `TLS with ${peer} was not begun: ${bytes} bytes came in plaintext behind what asked for it. A client waits for the ` +
        "server's answer before it sends more.",
    );
  }
}
/** A watched descriptor was closed, or its object's fileno() changed, before it was removed. */
export class ConnectionFdescWentAway extends ConnectionLost {
  override readonly code: string = "ERR_CONNECTION_FDESC_WENT_AWAY";
  constructor(fd: number) {
    super(`Descriptor ${fd} was closed while it was watched: call removeReader() and removeWriter() before.`, "EBADF");
  }
}

// --- descriptors -----------------------------------------------------------------------------------------------------

/** The reactor has no addReader() and addWriter(). */
export class DescriptorsNotSupportedError extends SkeinError {
  override readonly code: string = "ERR_DESCRIPTORS_NOT_SUPPORTED";
  constructor(reactorName: string) {
    const can = BACKENDS.filter((one) => one.isHere && one.watchesDescriptors).map(({ name }) => name);
    const way =
      can.length > 0
        ? `Choose one that can: ${can.join(", ")}, as in SKEIN_REACTOR=${can[0]}.`
        : "None of this platform can: use Node's own modules, as node:net and node:fs.";
    super(`The ${reactorName} reactor cannot watch descriptors. ${way}`);
  }
}
/** A descriptor cannot be watched. The message names the descriptor and the kernel's error. */
export class CannotWatchError extends SkeinError {
  override readonly code: string = "ERR_CANNOT_WATCH";
  readonly fd: number;
  /** The kernel's name of the error, as in "EPERM". */
  readonly osError: string;

  constructor(who: string, fd: number, errno: number) {
    const name = getSystemErrorName(errno);
    const way =
      name === "EPERM"
        ? "A regular file or a directory is always ready: use node:fs."
        : name === "EBADF"
          ? "It is not open: add it before it is closed."
          : name === "EEXIST"
            ? "Another object watches it: remove that first, or let one object be both reader and writer."
            : "";
    super(`${who}: cannot watch descriptor ${fd}: ${getSystemErrorMessage(errno)} (${name}). ${way}`.trimEnd());
    this.fd = fd;
    this.osError = name;
  }
}
