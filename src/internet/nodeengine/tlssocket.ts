/** The TLSSocket of a connection. Whom it talks to is judged by our rules, in tlspeer.ts. */
import type { ConnectionOptions, TLSSocket } from "node:tls";
import type { TlsRequest } from "../../native.ts";
import { decodeProtocols } from "../tls/alpn.ts";
import { nodeTLS } from "../tls/node.ts";
import type { NodeContext } from "./tlscontext.ts";
import type { ClientHello } from "./tlshello.ts";
import type { Wire } from "./tlswire.ts";

/** `protocol`: what the program has chosen, "" if it has not. */
export function toClient(wire: Wire, context: NodeContext, hello: ClientHello, protocol: string): TLSSocket {
  const { secureContext, stapler, request } = context;
  const protocols = protocol !== "" ? [protocol] : decodeProtocols(Buffer.from(request.protocols));
  const offered = decodeProtocols(hello.protocols);
  const chosen = protocols.find((one) => offered.includes(one));
  return new (nodeTLS().TLSSocket)(wire, {
    isServer: true,
    secureContext,
    requestCert: request.peer > 0,
    rejectUnauthorized: request.peer === 2,
    // With none that the client offers, OpenSSL refuses it by the proper alert.
    ...(protocols.length === 0 ? {} : { ALPNProtocols: chosen === undefined ? protocols : [chosen] }),
    ...(stapler === undefined ? {} : { server: stapler }),
  });
}

export function toServer(wire: Wire, context: NodeContext, { announced = "", session }: TlsRequest): TLSSocket {
  const { secureContext, request } = context;
  const protocols = decodeProtocols(Buffer.from(request.protocols));
  return nodeTLS().connect({
    socket: wire,
    secureContext,
    servername: announced,
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    requestOCSP: request.requestsOcsp,
    ...(protocols.length === 0 ? {} : { ALPNProtocols: protocols }),
    ...(session === undefined ? {} : { session: Buffer.from(session) }),
  } as ConnectionOptions);
}
