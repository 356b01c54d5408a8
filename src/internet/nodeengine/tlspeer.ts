/** What node:tls knows of the peer once it takes the handshake for done, and whether that peer is the right one. */
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { ContextRequest, TlsAgreed } from "../../native.ts";
import { certificateOf } from "../tls/pem.ts";
import { type FailureState, failedVerification, lackedCertificate, verifyCode, verifyReason } from "./tlsfailure.ts";
import { verifyName } from "./tlsnames.ts";
import type { OpenRecords } from "./tlsrecords.ts";
import { knowsLevels } from "./tlsrules.ts";
import { weaknessOf } from "./tlsstrength.ts";

/** X509_V_ERR_UNSPECIFIED. */
const UNSPECIFIED = 1;
const DISGUISED = "it has another certificate in it, as PEM";

function isPlain(der: Buffer): boolean {
  try {
    return certificateOf(der) !== undefined;
  } catch {
    return false;
  }
}

/** Undefined when the peer is the one; else what says why it is not. `name`: of a client, whom it wants to talk to. */
export function judgeOf(
  stream: TLSSocket,
  { server, peer, securityLevel }: ContextRequest,
  name: string,
): ((failure: FailureState) => void) | undefined {
  if (peer === 0) return undefined;
  const chain = chainOf(stream);
  const resumed = stream.isSessionReused();
  if (chain.length === 0 && (server || !resumed)) {
    // Of a server that has none (which TLS itself refuses), or of a client of which it is only requested.
    return server && peer === 1 ? undefined : lackedCertificate;
  }
  const said = saidOf(stream);
  let verify = verifyCode(said);
  if (verify === 0 && !chain.every(isPlain)) return (failure) => failedVerification(failure, UNSPECIFIED, DISGUISED);
  if (verify === 0 && !knowsLevels()) verify = weaknessOf(chain, securityLevel);
  // A session belongs to the name and the rules for which its handshake was verified.
  if (verify === 0 && !server && name !== "" && !resumed) verify = verifyName(certificateOf(chain[0]!), name);
  return verify === 0 ? undefined : (failure) => failedVerification(failure, verify, verifyReason(said));
}

/**
 * DER, the peer's own first. node:tls adds the root that it has found, which a peer need not send: without it. Not by
 * getPeerX509Certificate(), which takes the certificate of a server out of the chain of Node 20: there is none the next time.
 */
export function chainOf(stream: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let one: Partial<DetailedPeerCertificate> | undefined = stream.getPeerCertificate(true);
  while (one?.raw !== undefined && !chain.some((known) => known.equals(one!.raw!))) {
    if (chain.length > 0 && one.issuerCertificate === one) break;
    chain.push(Buffer.from(one.raw));
    one = one.issuerCertificate;
  }
  return chain;
}

/** DER of the certificate that this side has shown. */
export function shownBy(stream: TLSSocket): Buffer | undefined {
  const own = stream.getX509Certificate();
  return own === undefined ? undefined : Buffer.from(own.raw);
}

/** `hello`: the server's direction. */
export function agreedBy(
  stream: TLSSocket,
  hello: OpenRecords,
  serverName: string,
  ocsp: Buffer | undefined,
): TlsAgreed {
  const version = stream.getProtocol() ?? "";
  const { name = "", standardName = name } = stream.getCipher() ?? {};
  return {
    version,
    cipher: name,
    standardCipher: standardName,
    bits: /AES_?128/.test(name) ? 128 : /AES_?256|CHACHA20/.test(name) ? 256 : 0,
    group: hello.group,
    protocol: stream.alpnProtocol || "",
    resumed: stream.isSessionReused(),
    bound: version === "TLSv1.3" || hello.extendsMasterSecret,
    serverName,
    verify: 0,
    records: 0,
    ...(ocsp === undefined ? {} : { ocsp }),
  };
}

/** An answer that cannot be had is no good one. */
function saidOf(stream: TLSSocket): unknown {
  const { ssl } = stream as unknown as { readonly ssl?: { verifyError?(): unknown } };
  if (typeof ssl?.verifyError === "function") return ssl.verifyError();
  return stream.authorized ? null : (stream.authorizationError ?? "CERT_UNTRUSTED");
}
