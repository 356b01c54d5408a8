/** TLS. Names and semantics follow twisted.internet.ssl. */

export { SSL4ClientEndpoint, SSL4ServerEndpoint, wrapClientTLS } from "../internet/endpoints/ssl.ts";
export type { HandshakeListener } from "../internet/interfaces.ts";
export type { CertificateOptionsForIssue } from "../internet/tls/arguments.ts";
export { Certificate, type Format } from "../internet/tls/certificate.ts";
export { DistinguishedName, DN, type DNParts } from "../internet/tls/dn.ts";
export {
  CertificateError,
  KeyingMaterialError,
  TLSError,
  TLSNotAvailableError,
  TLSOptionsError,
} from "../internet/tls/errors.ts";
export type {
  CertificateInput,
  CertificateLike,
  KeyInput,
  KeyPairLike,
  PrivateCertificateLike,
} from "../internet/tls/identity.ts";
export {
  CertificateRequest,
  KeyPair,
  PrivateCertificate,
} from "../internet/tls/keypair.ts";
export {
  CertificateOptions,
  type CertificateOptionsInit,
  type ClientTLSOptions,
  DefaultOpenSSLContextFactory,
  optionsForClientTLS,
  type ServerNameAnswer,
} from "../internet/tls/options.ts";
export type { ClientWish, PeerCertificate, TLSVersion } from "../internet/tls/policy.ts";
export type { CipherInfo, ContextFactory, StartTLSOptions, TLSInfo } from "../internet/tls/seam.ts";
export { platformTrust, type TrustRoot, type TrustRootLike, trustRootFromCertificates } from "../internet/tls/trust.ts";
