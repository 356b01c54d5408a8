/** TLS of the engine over node:net: what it reads itself, since node:tls does not tell it on every runtime. */
import type { X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  alertSentFor,
  failedWith,
  noFailure,
  verifyCode,
  verifyReason,
} from "../../src/internet/nodeengine/tlsfailure.ts";
import { ClientHello } from "../../src/internet/nodeengine/tlshello.ts";
import { verifyName } from "../../src/internet/nodeengine/tlsnames.ts";
import { fatalAlert, OpenRecords } from "../../src/internet/nodeengine/tlsrecords.ts";
import { weaknessOf } from "../../src/internet/nodeengine/tlsstrength.ts";
import { KeyPair } from "../../src/internet/tls/keypair.ts";
import { TlsFault } from "../../src/native.ts";

const u16 = (value: number) => Buffer.of(value >> 8, value & 255);
const vector = (size: 1 | 2, content: Buffer) =>
  Buffer.concat([size === 1 ? Buffer.of(content.length) : u16(content.length), content]);
const extension = (kind: number, content: Buffer) => Buffer.concat([u16(kind), vector(2, content)]);
const message = (kind: number, body: Buffer) => Buffer.concat([Buffer.of(kind, 0), u16(body.length), body]);
const record = (kind: number, content: Buffer) => Buffer.concat([Buffer.of(kind, 3, 1), vector(2, content)]);

function hello(name: string, protocols: readonly string[] = []): Buffer {
  const names = vector(2, Buffer.concat([Buffer.of(0), vector(2, Buffer.from(name, "latin1"))]));
  const list = vector(2, Buffer.concat(protocols.map((one) => vector(1, Buffer.from(one)))));
  const extensions = Buffer.concat([extension(0, names), extension(16, list)]);
  const head = [
    u16(0x0303),
    Buffer.alloc(32),
    vector(1, Buffer.alloc(32)),
    vector(2, u16(0x1301)),
    vector(1, Buffer.of(0)),
  ];
  return message(1, Buffer.concat([...head, vector(2, extensions)]));
}

function fed(...pieces: readonly Buffer[]): ClientHello {
  const read = new ClientHello();
  for (const piece of pieces) read.feed(piece);
  return read;
}

describe("a ClientHello", () => {
  it("names the server and the protocols, in one record or in many, whole or byte by byte", () => {
    const whole = hello("Www.Example.COM", ["h2", "http/1.1"]);
    const cut = Buffer.concat(Array.from(whole, (byte) => record(22, Buffer.of(byte))));
    for (const wire of [record(22, whole), cut]) {
      for (const pieces of [[wire], Array.from(wire, (byte) => Buffer.of(byte))]) {
        expect(fed(...pieces)).toMatchObject({
          state: "whole",
          serverName: "www.example.com",
          protocols: Buffer.from("\x02h2\x08http/1.1"),
        });
        expect(fed(...pieces).wire).toEqual(wire);
      }
    }
  });

  it("is not whole before its last byte, wherever it is cut", () => {
    const wire = record(22, hello("a.example"));
    for (let at = 0; at < wire.length; at++) expect(fed(wire.subarray(0, at)).state).toBe("partial");
  });

  it("keeps what comes behind it", () => {
    const wire = Buffer.concat([record(22, hello("a.example")), Buffer.from("more")]);
    expect(fed(wire).wire).toEqual(wire);
  });

  it.each(["a b.example", "\0.example", `${"a".repeat(256)}`, "b\x80.example"])("names nobody by %j", (name) => {
    expect(fed(record(22, hello(name)))).toMatchObject({ state: "whole", serverName: "" });
  });

  it.each([
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\n"), 70],
    ["SSL 2", Buffer.from("802e0100020015", "hex"), 70],
    ["an empty record", Buffer.from("1603010000", "hex"), 10],
    ["a record that is too long", Buffer.from("160301ffff", "hex"), 10],
    ["another message", record(22, message(2, Buffer.alloc(40))), 10],
    ["a message that is too long", record(22, Buffer.from("01004001", "hex")), 10],
  ])("is not there: %s", (_, wire, alert) => {
    expect(fed(wire)).toMatchObject({ state: "other", alert });
  });

  it("that is cut to pieces without end is none", () => {
    const drop = record(22, Buffer.of(1));
    const read = new ClientHello();
    read.feed(record(22, Buffer.from("01003fff", "hex")));
    for (let i = 0; i < 16 * 1024 && read.state === "partial"; i++) read.feed(drop);
    expect(read.state).toBe("other");
    expect(read.wire.length).toBeLessThan(33 * 1024);
  });
});

describe("records that are not sealed", () => {
  const serverHello = (group: number) =>
    message(
      2,
      Buffer.concat([
        u16(0x0303),
        Buffer.alloc(32),
        vector(1, Buffer.alloc(0)),
        u16(0x1301),
        Buffer.of(0),
        vector(2, extension(51, u16(group))),
      ]),
    );
  const keyExchange = message(12, Buffer.concat([Buffer.of(3), u16(23), Buffer.alloc(8)]));

  it.each([
    ["TLS 1.3", [record(22, serverHello(29))], "x25519"],
    [
      "TLS 1.3 behind a HelloRetryRequest",
      [record(22, serverHello(29)), record(22, serverHello(4588))],
      "X25519MLKEM768",
    ],
    ["TLS 1.2", [record(22, Buffer.concat([message(2, Buffer.alloc(38)), keyExchange]))], "secp256r1"],
    ["a group without a name", [record(22, serverHello(9999))], "group 9999"],
    ["none", [record(23, Buffer.alloc(40))], ""],
  ])("tell the group of %s, however they are cut", (_, records, group) => {
    const wire = Buffer.concat(records);
    for (const pieces of [[wire], Array.from(wire, (byte) => Buffer.of(byte))]) {
      const read = new OpenRecords();
      for (const piece of pieces) read.feed(piece);
      expect(read.group).toBe(group);
    }
  });

  it("tell an alert, and what is sealed tells none", () => {
    const read = new OpenRecords();
    read.feed(fatalAlert(112));
    expect(read.alert).toBe(112);
    const sealed = new OpenRecords();
    sealed.feed(record(21, Buffer.alloc(26)));
    sealed.feed(record(23, Buffer.of(2, 40)));
    sealed.feed(fatalAlert(40));
    expect(sealed.alert).toBe(-1);
  });
});

describe("a name", () => {
  const PATTERNS = [
    ["example.com"],
    ["*.example.com"],
    ["*.com"],
    ["*"],
    ["f*.example.com"],
    ["*o.example.com"],
    ["www.*.example.com"],
    ["*.*.example.com"],
    ["xn--bcher-kva.example"],
    ["*.xn--bcher-kva.example"],
    ["EXAMPLE.Com", "10.0.0.1"],
    ["example.com.", "::1"],
    ["*.a-b.example", "2001:db8::1"],
    ["_x.example.com", "*._y.example.com"],
    ["*.example.com.", "*.-a.example", "*.a-.example", "*..example"],
  ];
  const HOSTS = [
    ...[
      "example.com",
      "www.example.com",
      "a.www.example.com",
      "foo.example.com",
      "com",
      "WWW.EXAMPLE.COM",
      "a_b.example.com",
    ],
    ...[
      "xn--bcher-kva.example",
      "www.xn--bcher-kva.example",
      "x.a-b.example",
      "-.a-b.example",
      "_x.example.com",
      "z._y.example.com",
    ],
    ...["10.0.0.1", "10.0.0.2", "::1", "0:0:0:0:0:0:0:1", "2001:db8::1", "::ffff:10.0.0.1", "localhost"],
    ...["www.example.com.", "x.-a.example", "x.a-.example", "x..example"],
  ];

  it("is judged as OpenSSL does, without the subject and without partial wildcards", () => {
    for (const subjectAltNames of PATTERNS) {
      const { x509 } = KeyPair.generate("ed25519").selfSignedCert({ commonName: "localhost" }, { subjectAltNames });
      for (const host of HOSTS) {
        const isAddress = /^[0-9a-f.]*:|^[0-9.]+$/.test(host);
        const found = isAddress
          ? x509.checkIP(host)
          : x509.checkHost(host, { subject: "never", partialWildcards: false });
        const expected = found !== undefined ? 0 : isAddress ? 64 : 62;
        expect({ subjectAltNames, host, verify: verifyName(x509, host) }).toEqual({
          subjectAltNames,
          host,
          verify: expected,
        });
      }
    }
  });

  it("is nobody's whose certificate has no names", () => {
    const { x509 } = KeyPair.generate("ed25519").selfSignedCert({ commonName: "localhost" });
    expect([verifyName(x509, "localhost"), verifyName(x509, "127.0.0.1")]).toEqual([62, 64]);
    expect(verifyName({ raw: Buffer.from("3003", "hex") } as X509Certificate, "localhost")).toBe(62);
  });
});

describe("strength", () => {
  it("is judged by the bits of a key, for each security level", () => {
    const der = (kind: "rsa" | "ec" | "ed25519") => KeyPair.generate(kind).selfSignedCert({ commonName: "a" }).dump();
    const levels = (kind: "rsa" | "ec" | "ed25519") =>
      [0, 1, 2, 3, 4, 5].map((level) => weaknessOf([der(kind)], level));
    expect(levels("ec")).toEqual([0, 0, 0, 0, 66, 66]);
    expect(levels("ed25519")).toEqual([0, 0, 0, 0, 66, 66]);
    expect(levels("rsa")).toEqual([0, 0, 0, 66, 66, 66]);
    expect(weaknessOf([der("ec"), der("rsa")], 3)).toBe(67);
  });
});

describe("an error of node:tls", () => {
  const failed = (error: Partial<NodeJS.ErrnoException> & { reason?: string }) => {
    const failure = noFailure();
    failedWith(failure, Object.assign(new Error(error.message), error));
    return { fault: failure.fault, code: failure.code, reason: failure.reason };
  };
  const { PROTOCOL, CUT } = TlsFault;

  it.each([
    [
      "OpenSSL's number",
      {
        code: "ERR_SSL_X",
        message: "80:error:0A000119:SSL routines:get_record:bad record mac:a.c:1:",
        reason: "bad record mac",
      },
      { fault: PROTOCOL, code: 281, reason: "bad record mac" },
    ],
    [
      "an alert of OpenSSL's",
      {
        code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
        message: "80:error:0A00045C:SSL routines:f:tlsv13 alert certificate required:a.c:1:",
      },
      { fault: PROTOCOL, code: 1116, reason: "tlsv13 alert certificate required" },
    ],
    [
      "BoringSSL's number, which is another",
      { code: "ERR_SSL_NO_SHARED_CIPHER", message: "error:100000b8:SSL routines:OPENSSL_internal:NO_SHARED_CIPHER" },
      { fault: PROTOCOL, code: 193, reason: "no shared cipher" },
    ],
    [
      "BoringSSL's name that OpenSSL has not",
      { code: "ERR_SSL_BAD_SIGNATURE", message: "error:1000007b:SSL routines:OPENSSL_internal:BAD_SIGNATURE" },
      { fault: PROTOCOL, code: 0, reason: "bad signature" },
    ],
    [
      "an alert of BoringSSL's",
      {
        code: "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
        message: "error:10000418:SSL routines:OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA",
      },
      { fault: PROTOCOL, code: 1048, reason: "tlsv1 alert unknown ca" },
    ],
    [
      "a name without a number (Deno)",
      { code: "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", message: "peer is incompatible" },
      { fault: PROTOCOL, code: 1040, reason: "peer is incompatible" },
    ],
    [
      "a certificate's (Bun)",
      { code: "CERT_HAS_EXPIRED", message: "certificate has expired" },
      { fault: PROTOCOL, code: 134, reason: "certificate verify failed" },
    ],
    [
      "the end before the handshake",
      { code: "ECONNRESET", message: "disconnected" },
      { fault: CUT, code: 0, reason: "" },
    ],
  ])("is %s", (_, error, expected) => {
    expect(failed(error)).toEqual(expected);
  });

  it("of a certificate is X509_V_ERR_…, by its name or its text", () => {
    const error = (code: string, message = "") => Object.assign(new Error(message), { code });
    expect([null, undefined, ""].map(verifyCode)).toEqual([0, 0, 0]);
    expect(verifyCode(error("CERT_HAS_EXPIRED"))).toBe(10);
    expect(verifyCode("UNABLE_TO_VERIFY_LEAF_SIGNATURE")).toBe(21);
    expect(verifyCode(error("UNSPECIFIED", "EE certificate key too weak"))).toBe(66);
    expect(verifyCode(error("UNSPECIFIED", "something"))).toBe(1);
    expect(verifyReason(error("UNSPECIFIED", "something"))).toBe("something");
  });

  it("tells which alert was sent, as far as that is known", () => {
    const failure = { ...noFailure(), fault: PROTOCOL, code: 199 };
    expect([alertSentFor(failure, 40), alertSentFor(failure, -1)]).toEqual([40, 116]);
    expect(alertSentFor({ ...failure, fault: CUT }, -1)).toBe(-1);
  });
});
