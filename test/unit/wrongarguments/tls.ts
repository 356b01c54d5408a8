/** skein/ssl, for wrongarguments.test.ts. */
import * as ssl from "../../../src/entries/ssl.ts";
import { MemoryReactorClock, MemorySSLPort, StringTransport } from "../../../src/entries/testing.ts";
import { ClientFactory, Protocol } from "../../../src/internet/protocol.ts";
import { type Call, type Calls, constructed, made, method } from "./call.ts";

const key = ssl.KeyPair.generate("ed25519");
const own = key.selfSignedCert({ commonName: "localhost" }, { subjectAltNames: ["localhost"] });
const request = key.requestObject({ commonName: "localhost" });
/** The options of TLS. */
export const context = (): ssl.CertificateOptions => new ssl.CertificateOptions({ certificate: own });
const factory = (): ClientFactory => ClientFactory.forProtocol(Protocol);
const pem = own.dumpPEM();

/** A static method. */
function ofClass(Class: object, name: string, ...good: unknown[]): () => Call {
  return method(() => Class, name, ...good);
}

const memory = (): MemoryReactorClock => new MemoryReactorClock();

export const TLS_CALLS: Calls = {
  "Certificate.digest": method(() => own, "digest", "sha256"),
  "Certificate.dump": method(() => own, "dump", "PEM"),
  "Certificate.equals": method(() => own, "equals", own),
  "Certificate.hostFromTransport": ofClass(ssl.Certificate, "hostFromTransport", new StringTransport()),
  "Certificate.load": ofClass(ssl.Certificate, "load", pem),
  "Certificate.loadAllPEM": ofClass(ssl.Certificate, "loadAllPEM", pem),
  "Certificate.loadPEM": ofClass(ssl.Certificate, "loadPEM", pem),
  "Certificate.peerFromTransport": ofClass(ssl.Certificate, "peerFromTransport", new StringTransport()),
  "CertificateRequest.dump": method(() => request, "dump", "PEM"),
  "CertificateRequest.load": ofClass(ssl.CertificateRequest, "load", request.dump()),
  "DistinguishedName.fromDER": ofClass(ssl.DistinguishedName, "fromDER", own.getSubject().toDER()),
  "KeyPair.dump": method(() => key, "dump", "PEM", "secret"),
  "KeyPair.generate": ofClass(ssl.KeyPair, "generate", "ed25519", 2048),
  "KeyPair.load": ofClass(ssl.KeyPair, "load", key.dump(), "secret"),
  "KeyPair.newCertificate": method(() => key, "newCertificate", pem),
  "KeyPair.requestObject": method(() => key, "requestObject", { commonName: "a" }),
  "KeyPair.selfSignedCert": method(() => key, "selfSignedCert", { commonName: "a" }, {}),
  "KeyPair.signRequestObject": method(() => key, "signRequestObject", own, request, {}),
  "MemorySSLPort.setContext": method(() => new MemorySSLPort(80, factory(), context(), {}), "setContext", context()),
  "PrivateCertificate.fromCertificateAndKeyPair": ofClass(
    ssl.PrivateCertificate,
    "fromCertificateAndKeyPair",
    own,
    key,
  ),
  "PrivateCertificate.loadPEM": ofClass(ssl.PrivateCertificate, "loadPEM", pem + key.dump("PEM"), "secret"),
  "PrivateCertificate.loadPKCS12": ofClass(ssl.PrivateCertificate, "loadPKCS12", new Uint8Array(2), "secret"),
  "PrivateCertificate.signRequestObject": method(() => own, "signRequestObject", request, {}),
  "SSL4ClientEndpoint.connect": method(
    () => new ssl.SSL4ClientEndpoint(memory(), "localhost", 443, context(), {}),
    "connect",
    factory(),
  ),
  "SSL4ServerEndpoint.listen": method(
    () => new ssl.SSL4ServerEndpoint(memory(), 443, context(), {}),
    "listen",
    factory(),
  ),
  "new Certificate": constructed(ssl.Certificate, pem),
  "new CertificateOptions": constructed(ssl.CertificateOptions, {}),
  "new CertificateRequest": constructed(ssl.CertificateRequest, request.dump()),
  "new DefaultOpenSSLContextFactory": constructed(ssl.DefaultOpenSSLContextFactory, "key.pem", "cert.pem"),
  "new DistinguishedName": constructed(ssl.DistinguishedName, { commonName: "a" }),
  "new KeyPair": constructed(ssl.KeyPair, key.dump(), "secret"),
  "new MemorySSLPort": constructed(MemorySSLPort, 80, factory(), context(), {}),
  "new PrivateCertificate": constructed(ssl.PrivateCertificate, own, key, []),
  "new SSL4ClientEndpoint": () => constructed(ssl.SSL4ClientEndpoint, memory(), "localhost", 443, context(), {})(),
  "new SSL4ServerEndpoint": () => constructed(ssl.SSL4ServerEndpoint, memory(), 443, context(), {})(),
  optionsForClientTLS: made(ssl.optionsForClientTLS as never, "localhost", {}),
  trustRootFromCertificates: made(ssl.trustRootFromCertificates as never, [own]),
  wrapClientTLS: made(ssl.wrapClientTLS as never, context(), { connect: () => undefined }),
};
