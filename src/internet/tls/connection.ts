/** TLS of ports and connections over an engine: what the seam asks for, done by the engine's filter. */
import { nameOf } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { type EngineTls, type NativeEngine, TlsEvent, TlsFault } from "../../native.ts";
import { Failure } from "../failure.ts";
import type { HandshakeListener } from "../interfaces.ts";
import { logRejection, onRejection } from "../rejection.ts";
import { isThenable } from "../thenable.ts";
import { decodeProtocols } from "./alpn.ts";
import { Certificate } from "./certificate.ts";
import { Deadlines } from "./deadlines.ts";
import { INTERNAL_ERROR, KeyingMaterialError, TLSError, tlsError, UNRECOGNIZED_NAME } from "./errors.ts";
import type { Choice, Policy, Session } from "./policy.ts";
import type { ConnectionSecurity, PortSecurity, SecuredConnection, Security, TLSInfo } from "./seam.ts";

const KEY_LOG_FAILED = "keyLog() threw";

export class PolicySecurity implements Security {
  readonly policy: Policy;

  constructor(policy: Policy) {
    this.policy = policy;
  }

  check(native: NativeEngine, server: boolean): void {
    this.policy.context(native, server);
  }

  listen(native: NativeEngine, listener: number): PortSecurity {
    native.tls!.listen(listener, this.policy.context(native, true));
    return new SecuredPort(native, this.policy);
  }

  begin(native: NativeEngine, { handle }: { readonly handle: number }, server: boolean): ConnectionSecurity {
    const context = this.policy.context(native, server);
    const { name = "", announced = "" } = this.policy.options;
    const session = server ? undefined : this.policy.takeSession();
    native.tls!.begin(handle, server ? { context } : { context, name, announced, session: session?.der });
    return new SecuredStream(native, this.policy, server, session);
  }
}

class SecuredPort implements PortSecurity {
  readonly #native: NativeEngine;
  readonly #policy: Policy;
  #deadlines: Deadlines | undefined;

  constructor(native: NativeEngine, policy: Policy) {
    this.#native = native;
    this.#policy = policy;
  }

  connection(connection: SecuredConnection): ConnectionSecurity {
    this.#deadlines ??= new Deadlines(connection.loop, this.#policy.handshakeSeconds);
    const stream = new SecuredStream(this.#native, this.#policy, true);
    stream.begun(connection, this.#deadlines);
    return stream;
  }
}

/** TLS of one connection. */
class SecuredStream implements ConnectionSecurity {
  readonly #native: NativeEngine;
  readonly #tls: EngineTls;
  readonly #policy: Policy;
  readonly #server: boolean;
  /** What the program has chosen for this client. */
  #chosen: Policy | undefined;
  /** Of a client: what it has offered to resume. */
  readonly #session: Session | undefined;
  /** Kept, since asking costs much more: nothing is negotiated anew, and an update of keys changes none of it. */
  #agreed: TLSInfo | undefined;
  /** Whether the secrets are of this handshake alone; known with the former. */
  #bound = false;
  /** Until the handshake is done. */
  #deadlines: Deadlines | undefined;
  #awaited: SecuredConnection | undefined;

  constructor(native: NativeEngine, policy: Policy, server: boolean, session?: Session) {
    this.#session = session;
    this.#native = native;
    this.#tls = native.tls!;
    this.#policy = policy;
    this.#server = server;
  }

  begun(
    connection: SecuredConnection,
    deadlines = new Deadlines(connection.loop, this.#policy.handshakeSeconds),
  ): void {
    this.#awaited = connection;
    this.#deadlines = deadlines;
    deadlines.add(this);
  }

  unread(connection: SecuredConnection, wire: Uint8Array): void {
    this.#tls.unread(connection.handle, wire);
  }

  late(): void {
    const connection = this.#awaited;
    this.#awaitNoLonger();
    const seconds = this.#policy.handshakeSeconds;
    connection?.end(
      new Failure(
        new TLSError(
          "ERR_TLS_HANDSHAKE_TIMEOUT",
          `TLS with ${connection.getPeer()}: the handshake was not done within ${seconds} seconds.`,
        ),
      ),
    );
  }

  told(connection: SecuredConnection, events: number): void {
    if ((events & TlsEvent.KEY_LOG) !== 0) this.#logKeys(connection);
    if ((events & TlsEvent.SESSION) !== 0) this.#keepSessions(connection);
    if ((events & TlsEvent.ASKS) !== 0) this.#choose(connection);
    if ((events & TlsEvent.ESTABLISHED) === 0) return;
    this.#awaitNoLonger();
    const protocol = connection.securedProtocol as Partial<HandshakeListener> | undefined;
    try {
      const result: unknown = protocol?.handshakeCompleted?.();
      if (result !== undefined) onRejection(result, (error) => connection.failed(error));
    } catch (error) {
      connection.failed(error);
    }
  }

  agreed({ handle }: SecuredConnection): TLSInfo | null {
    if (handle < 0) return null;
    if (this.#agreed !== undefined) return this.#agreed;
    const agreed = this.#tls.agreed(handle);
    if (agreed === undefined) return null;
    const { version, cipher, standardCipher, bits, group, protocol, resumed, serverName, ocsp = null } = agreed;
    this.#bound = agreed.bound;
    this.#agreed = Object.freeze({
      ...{ version, cipher, standardCipher, bits, group, resumed, serverName },
      protocol: protocol === "" ? null : protocol,
      ocspResponse: ocsp,
    });
    return this.#agreed;
  }

  peerCertificates(connection: SecuredConnection): readonly Buffer[] {
    return this.#tls.peerCertificates(connection.handle) ?? [];
  }

  peerCertificate(connection: SecuredConnection): Certificate | null {
    const [own] = this.peerCertificates(connection);
    return own === undefined ? null : new Certificate(own);
  }

  hostCertificate(connection: SecuredConnection): Buffer | null {
    return this.#tls.hostCertificate(connection.handle) ?? null;
  }

  exportKeyingMaterial(
    connection: SecuredConnection,
    length: number,
    label: string,
    context: Uint8Array | undefined,
  ): Buffer | null {
    if (this.agreed(connection) === null) return null;
    if (!this.#bound) {
      throw new KeyingMaterialError(
        `exportKeyingMaterial(): TLS with ${connection.getPeer()} is 1.2 without extended master secret (RFC 7627), so ` +
          "somebody in the middle may have the same keys: use TLS 1.3, or have the peer support that extension.",
      );
    }
    return this.#tls.exportKeys(connection.handle, length, label, context) ?? null;
  }

  lost(connection: SecuredConnection, failed: boolean): Failure | undefined {
    this.#awaitNoLonger();
    this.#agreed = undefined;
    if (!failed) return undefined;
    const failure = this.#tls.failure(connection.handle);
    if (failure === undefined || failure.fault === TlsFault.NONE) return undefined;
    return new Failure(tlsError(failure, String(connection.getPeer()), this.#server));
  }

  #awaitNoLonger(): void {
    this.#deadlines?.delete(this);
    this.#deadlines = undefined;
    this.#awaited = undefined;
  }

  #keepSessions({ handle }: SecuredConnection): void {
    const resumed = this.#session !== undefined && this.#tls.agreed(handle)?.resumed === true;
    this.#policy.keepSessions(this.#tls.sessions(handle) ?? [], resumed ? this.#session : undefined);
  }

  #logKeys(connection: SecuredConnection): void {
    const { handle } = connection;
    const lines = this.#tls.keyLog(handle);
    // The name is there before anything is agreed, and before anything fails.
    const name = this.#server ? (this.#tls.failure(handle)?.serverName ?? "") : "";
    const { keyLog } = (this.#chosen ?? this.#policy.named(name)).options;
    try {
      if (lines) logRejection(keyLog?.(lines), KEY_LOG_FAILED);
    } catch (error) {
      err(error, KEY_LOG_FAILED);
    }
  }

  /** The program says which policy a client gets. Whatever it does, this client gets an answer, and no other is touched. */
  #choose(connection: SecuredConnection): void {
    const { choose } = this.#policy.options;
    const hello = this.#tls.hello(connection.handle);
    if (hello === undefined) return;
    if (choose === undefined) {
      // The port's options were changed after it was accepted.
      this.#answer(connection, { policy: this.#policy });
      return;
    }
    const wish = { serverName: hello.serverName, protocols: decodeProtocols(hello.protocols) };
    try {
      const choice = choose(wish);
      if (isThenable(choice)) {
        choice.then(
          (later) => this.#answer(connection, later as Choice),
          (error: unknown) => this.#failed(connection, error),
        );
      } else this.#answer(connection, choice as Choice);
    } catch (error) {
      this.#failed(connection, error);
    }
  }

  #answer(connection: SecuredConnection, choice: Choice): void {
    const { handle } = connection;
    if (handle < 0) return;
    try {
      const { policy, protocol = "" } = choice;
      this.#chosen = policy ?? this.#policy;
      if (policy === null) this.#tls.refuse(handle, UNRECOGNIZED_NAME);
      else this.#tls.answer(handle, policy?.context(this.#native, true), protocol);
      this.#tls.resume(handle);
    } catch (error) {
      this.#failed(connection, error);
    }
  }

  #failed(connection: SecuredConnection, error: unknown): void {
    err(error, `${nameOf(this.#policy)} could not choose for ${connection.getPeer()}; the connection is closed`);
    if (connection.handle < 0) return;
    this.#tls.refuse(connection.handle, INTERNAL_ERROR);
    this.#tls.resume(connection.handle);
  }
}
