/** Which certificates our client accepts for which hosts, beside what the newest Node accepts. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { nodeProgram, wholeVersion } from "../../scripts/nodes.mjs";
import { optionsForClientTLS } from "../../src/internet/tls/options.ts";
import { testReactor } from "../helpers/interop.ts";
import { certify, intermediate, nameConstraints, rootAuthority } from "../helpers/pki.ts";
import { dialTLS, SecureRecorder, serveTLS } from "../helpers/tls.ts";

const reactor = testReactor();
const root = rootAuthority();

/** A certificate by its subject's common name and its subjectAltNames, and the hosts that clients take it for. */
interface Case {
  readonly commonName?: string;
  readonly names: readonly string[];
  readonly hosts: readonly string[];
  /** Of the intermediate authority that has issued it: names that it may certify, and may not. */
  readonly permitted?: readonly string[];
  readonly excluded?: readonly string[];
}

const LONG = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.example.com`;
const LABEL_64 = `${"a".repeat(64)}.example.com`;

const CASES: readonly Case[] = [
  {
    names: ["a.example.com"],
    hosts: [
      ...["a.example.com", "A.Example.COM", "a.example.com.", "a.example.com..", ".a.example.com", "b.a.example.com"],
      ...[
        "example.com",
        "b.example.com",
        "a.example.co",
        "xa.example.com",
        "a.example.com.evil.test",
        "a.example.com\0",
      ],
      ...[
        "a.example.com?x",
        "a.example.com#x",
        "a.example.com\\x",
        "a.example.com:443",
        "u@a.example.com",
        "%61.example.com",
      ],
      ...["a.exam\tple.com", "a.exam\nple.com", "a\u00adb.example.com", "a\u00ad.example.com", "[a.example.com]"],
      ...[
        "a.example.com\0.evil.test",
        " a.example.com",
        "a.example.com ",
        "a example.com",
        "a.example.com/x",
        "*.example.com",
      ],
    ],
  },
  { names: ["b.example.com", "c.b.example.com"], hosts: [".example.com", ".b.example.com", "b..example.com"] },
  { names: ["A.EXAMPLE.com"], hosts: ["a.example.com"] },
  { names: ["a.example.com."], hosts: ["a.example.com", "a.example.com."] },
  {
    names: ["one.example", "two.example", "*.three.example"],
    hosts: ["two.example", "x.three.example", "four.example"],
  },
  // Wildcards.
  {
    names: ["*.example.com"],
    hosts: [
      ...[
        "a.example.com",
        "A.EXAMPLE.com",
        "a.example.com.",
        "a.b.example.com",
        "example.com",
        ".example.com",
        "*.example.com",
      ],
      ...["xn--bcher-kva.example.com", "bücher.example.com", "_dmarc.example.com", "-a.example.com", "a_b.example.com"],
    ],
  },
  { names: ["*.com"], hosts: ["example.com", "com"] },
  { names: ["*.co.uk"], hosts: ["example.co.uk"] },
  { names: ["*"], hosts: ["localhost", "example.com"] },
  { names: ["*."], hosts: ["localhost", "example.com"] },
  { names: ["*.*.com"], hosts: ["a.example.com"] },
  { names: ["**.example.com"], hosts: ["a.example.com"] },
  { names: ["a.*.com"], hosts: ["a.example.com"] },
  { names: ["a.example.*"], hosts: ["a.example.com"] },
  { names: ["f*.example.com"], hosts: ["foo.example.com", "f.example.com", "bar.example.com"] },
  { names: ["*f.example.com"], hosts: ["oof.example.com", "f.example.com"] },
  { names: ["f*o.example.com"], hosts: ["foo.example.com", "fo.example.com"] },
  { names: ["xn--*.example.com"], hosts: ["xn--bcher-kva.example.com"] },
  { names: ["*.xn--bcher-kva.example"], hosts: ["a.bücher.example", "a.xn--bcher-kva.example"] },
  { names: ["*.localhost"], hosts: ["a.localhost"] },
  { names: ["*.1.2.3"], hosts: ["9.1.2.3"] },
  // International names.
  {
    names: ["xn--bcher-kva.example"],
    hosts: ["xn--bcher-kva.example", "bücher.example", "BÜCHER.example", "XN--BCHER-KVA.EXAMPLE", "bücher。example"],
  },
  { names: ["bücher.example"], hosts: ["bücher.example", "xn--bcher-kva.example"] },
  { names: ["faß.example"], hosts: ["fass.example"] },
  { names: ["xn--fa-hia.example"], hosts: ["faß.example", "fass.example"] },
  // Characters.
  {
    names: ["a_b.example.com", "_sip.example.com"],
    hosts: ["a_b.example.com", "_sip.example.com", "_SIP.example.com"],
  },
  { names: ["a.example.com\0.evil.test"], hosts: ["a.example.com", "a.example.com\0.evil.test"] },
  { names: ["a.example.com\0"], hosts: ["a.example.com"] },
  { names: ["evil.test, DNS:a.example.com"], hosts: ["a.example.com", "evil.test"] },
  { names: ['"a.example.com"'], hosts: ["a.example.com"] },
  { names: ["a.example.com\n"], hosts: ["a.example.com"] },
  { names: [" a.example.com"], hosts: ["a.example.com"] },
  { names: [".example.com"], hosts: ["a.example.com", "example.com"] },
  { names: ["a..example.com"], hosts: ["a.example.com", "a..example.com"] },
  { names: ["-a.example.com", "b-.example.com"], hosts: ["-a.example.com", "b-.example.com"] },
  { names: ["DNS:"], hosts: ["example.com", "127.0.0.1"] },
  { names: ["DNS:", "a.example.com"], hosts: ["a.example.com"] },
  { names: [LONG], hosts: [LONG, `d${LONG}`] },
  { names: [LABEL_64], hosts: [LABEL_64] },
  { names: ["localhost"], hosts: ["localhost", "LOCALHOST", "localhost.", "127.0.0.1"] },
  // Addresses.
  {
    names: ["IP:127.0.0.1"],
    hosts: [
      "127.0.0.1",
      "127.0.0.2",
      "127.1",
      "0177.0.0.1",
      "2130706433",
      "0x7f.0.0.1",
      "127.0.0.1.",
      "０x7f.1",
      "[127.0.0.1]",
      "::ffff:127.0.0.1",
    ],
  },
  { names: ["DNS:127.0.0.1"], hosts: ["127.0.0.1", "127.1"] },
  { names: ["DNS:*.0.0.1"], hosts: ["127.0.0.1"] },
  { names: ["IP:::1"], hosts: ["::1", "0:0:0:0:0:0:0:1", "[::1]", "::2"] },
  { names: ["IP:2001:db8::a"], hosts: ["2001:DB8::A", "2001:db8:0:0::a", "2001:db8::b", "2001:0db8::000a"] },
  { names: ["IP:fe80::1"], hosts: ["fe80::1", "fe80::1%lo"] },
  { names: ["DNS:::1"], hosts: ["::1"] },
  { names: ["IP:::ffff:10.0.0.1"], hosts: ["10.0.0.1", "::ffff:10.0.0.1", "::ffff:a00:1"] },
  { names: ["IP:10.0.0.1", "a.example.com"], hosts: ["10.0.0.1", "a.example.com", "b.example.com"] },
  // Without a name for hosts.
  { commonName: "a.example.com", names: [], hosts: ["a.example.com", "b.example.com"] },
  { commonName: "*.example.com", names: [], hosts: ["a.example.com"] },
  { commonName: "127.0.0.1", names: [], hosts: ["127.0.0.1"] },
  { commonName: "a.example.com", names: ["b.example.com"], hosts: ["a.example.com", "b.example.com"] },
  { commonName: "a.example.com", names: ["IP:10.0.0.1"], hosts: ["a.example.com", "10.0.0.1"] },
  { commonName: "a.example.com", names: ["URI:https://b.example.com/"], hosts: ["a.example.com", "b.example.com"] },
  { commonName: "a.example.com", names: ["email:ada@example.com"], hosts: ["a.example.com", "example.com"] },
  { names: ["URI:https://a.example.com/"], hosts: ["a.example.com"] },
  { names: ["URI:https://10.0.0.1/"], hosts: ["10.0.0.1"] },
  { names: ["email:a@a.example.com"], hosts: ["a.example.com", "a@a.example.com"] },
  { names: [], hosts: ["a.example.com", "10.0.0.1"] },
  // Name constraints.
  { names: ["a.example.com"], permitted: ["example.com"], hosts: ["a.example.com"] },
  { names: ["a.example.org"], permitted: ["example.com"], hosts: ["a.example.org"] },
  { names: ["a.example.com", "a.example.org"], permitted: ["example.com"], hosts: ["a.example.com"] },
  { names: ["a.example.com"], excluded: ["example.com"], hosts: ["a.example.com"] },
  { names: ["*.example.com"], permitted: ["example.com"], hosts: ["a.example.com"] },
  { names: ["*.example.com"], excluded: ["a.example.com"], hosts: ["a.example.com", "b.example.com"] },
  { commonName: "a.example.org", names: [], permitted: ["example.com"], hosts: ["a.example.org"] },
];

/** Where our client decides otherwise: why, and for which of them. */
const DIFFERENCES: readonly (readonly [reason: string, titles: readonly string[]])[] = [
  [
    "A subject is no name of a host (RFC 9525, 2): only subjectAltName is read.",
    [
      '"a.example.com" with "CN=a.example.com "',
      '"a.example.com" with "CN=*.example.com "',
      '"a.example.com" with "CN=a.example.com IP:10.0.0.1"',
      '"a.example.com" with "CN=a.example.com URI:https://b.example.com/"',
      '"a.example.com" with "CN=a.example.com email:ada@example.com"',
    ],
  ],
  [
    "A wildcard is a whole label (RFC 9525, 6.3).",
    [
      '"foo.example.com" with "f*.example.com"',
      '"f.example.com" with "f*.example.com"',
      '"oof.example.com" with "*f.example.com"',
      '"f.example.com" with "*f.example.com"',
      '"foo.example.com" with "f*o.example.com"',
      '"fo.example.com" with "f*o.example.com"',
    ],
  ],
  [
    "To OpenSSL a wildcard stands for letters, digits and hyphens, as host names have them (RFC 1123, 2.1).",
    ['"_dmarc.example.com" with "*.example.com"', '"a_b.example.com" with "*.example.com"'],
  ],
  [
    "Names in certificates have no dot at their end (RFC 5280, 4.2.1.6); OpenSSL compares them as they are.",
    ['"a.example.com" with "a.example.com."', '"a.example.com." with "a.example.com."'],
  ],
  [
    "It is no host name, and Node makes one of it: nobody knows whether the program connects to the same.",
    [
      '"a.example.com.." with "a.example.com"',
      '"a.example.com/x" with "a.example.com"',
      '"a.example.com?x" with "a.example.com"',
      '"a.example.com#x" with "a.example.com"',
      '"a.example.com\\\\x" with "a.example.com"',
      '"%61.example.com" with "a.example.com"',
      '"a.exam\\tple.com" with "a.example.com"',
      '"a.exam\\nple.com" with "a.example.com"',
      '".example.com" with "*.example.com"',
      '"127.0.0.1." with "IP:127.0.0.1"',
      '"127.1" with "DNS:127.0.0.1"',
    ],
  ],
  ["It is how URLs write an address.", ['"[::1]" with "IP:::1"']],
];

const attempts = CASES.flatMap((one) => one.hosts.map((host) => ({ one, host, title: title(one, host) })));

function title({ commonName, names, permitted, excluded }: Case, host: string): string {
  const subject = commonName === undefined ? "" : `CN=${commonName} `;
  const constraints = [permitted && ` permitted ${permitted}`, excluded && ` excluded ${excluded}`].join("");
  return `${JSON.stringify(host)} with ${JSON.stringify(subject + names.join(" "))}${constraints}`;
}

function serveCase({ commonName, names, permitted = [], excluded = [] }: Case): number {
  const subject = commonName === undefined ? {} : { commonName };
  const constrained = permitted.length + excluded.length > 0;
  const between = constrained ? intermediate(root, { extensions: [nameConstraints(permitted, excluded)] }) : undefined;
  const certificate = certify(between ?? root, names, { subject });
  return serveTLS(reactor(), { certificate, ...(between && { extraCertChain: between }) }, () => new SecureRecorder())
    .port;
}

async function oursOn(port: number, host: string): Promise<string> {
  let options: ReturnType<typeof optionsForClientTLS>;
  try {
    options = optionsForClientTLS(host, { trustRoot: root });
  } catch (error) {
    return (error as Error).name;
  }
  const client = await dialTLS(reactor(), port, options, new SecureRecorder());
  const outcome = await client.outcome();
  client.transport.abortConnection();
  return outcome instanceof Error ? String((outcome as NodeJS.ErrnoException).code) : "accepted";
}

/** What the newest Node decides. */
async function nodes(list: readonly { port: number; host: string }[]): Promise<string[]> {
  const script = fileURLToPath(new URL("peers/tlsnames.mjs", import.meta.url));
  return new Promise((resolve, reject) => {
    const child = execFile(nodeProgram(wholeVersion("26")), [script], (error, stdout) => {
      if (error) reject(error);
      else resolve((JSON.parse(stdout) as { decisions: string[] }).decisions);
    });
    child.stdin!.end(JSON.stringify({ ca: root.dumpPEM(), attempts: list }));
  });
}

it(`our client decides on ${attempts.length} certificates and hosts as Node 26 does, but for those that are listed`, async () => {
  const ports = new Map(CASES.map((one) => [one, serveCase(one)]));
  const theirs = await nodes(attempts.map(({ one, host }) => ({ port: ports.get(one)!, host })));
  const reasons = new Set<string>();
  const different: string[] = [];
  for (const [i, { one, host, title }] of attempts.entries()) {
    const ours = await oursOn(ports.get(one)!, host);
    if (ours !== "accepted") reasons.add(ours);
    if ((ours === "accepted") !== (theirs[i] === "accepted")) different.push(title);
  }
  expect(different.sort()).toEqual(DIFFERENCES.flatMap(([, titles]) => titles).sort());
  expect([...reasons].sort()).toEqual(["ERR_TLS_CERT_NAME_CONSTRAINTS", "ERR_TLS_CERT_WRONG_NAME", "RangeError"]);
});
