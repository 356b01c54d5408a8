// `node scripts/openssl-majors.mjs`: fails when a release of Node that the package supports brings an OpenSSL of a major
// version that the engine's TLS does not know (kMajors in native/tls/openssl.h). There TLS would go over node:tls. Reads
// Node's index of its releases, https://nodejs.org/dist/index.json; a workflow runs it each week.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const INDEX = "https://nodejs.org/dist/index.json";

/** The major versions that are known, by the text of native/tls/openssl.h. */
export function knownMajors(header) {
  const [, list] = /\bkMajors\[\] = \{([\d, ]+)\};/.exec(header) ?? [];
  if (list === undefined) throw new Error("native/tls/openssl.h has no list kMajors[] of major versions any more.");
  return list.split(",").map(Number);
}

/**
 * What is wrong with the releases of `index` from Node `oldest` on, a sentence each; none when all is well. Of releases that
 * bring the same stranger, the first is named.
 */
export function complaints(index, known, oldest) {
  if (!Array.isArray(index)) return ["The index of Node's releases is no array: has its format changed?"];
  const releases = index.filter(({ version }) => isFrom(String(version), oldest)).reverse();
  if (releases.length === 0) return [`The index names no release of Node from ${oldest} on: has its format changed?`];
  const found = new Map();
  for (const { version, date, openssl } of releases) {
    const [, major] = /^(\d+)\.\d+/.exec(openssl ?? "") ?? [];
    if (known.includes(Number(major)) || found.has(major)) continue;
    const release = `Node ${String(version).slice(1)} (${date})`;
    found.set(
      major,
      major === undefined
        ? `${release} has no version of OpenSSL in the index, but ${JSON.stringify(openssl)}: has its format changed?`
        : `${release} brings OpenSSL ${openssl}; the engine's TLS knows the major version ${known.join(", ")} only, and goes over node:tls there. ` +
            `To do: build native/test/tls_openssl_test.cc with the headers of that OpenSSL, mend native/tls/openssl.h by what it says, ` +
            `add ${major} to kMajors there, and run npm run test:nodes and npm run conformance with this Node.`,
    );
  }
  return [...found.values()];
}

/** Whether "v24.1.0" is not older than "20.19". */
function isFrom(version, oldest) {
  const [a, b] = [version.replace(/^v/, ""), oldest].map((text) => text.split(".").map(Number));
  const differs = b.findIndex((part, i) => part !== a[i]);
  return differs < 0 || a[differs] > b[differs];
}

async function main() {
  const read = (file) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");
  const known = knownMajors(read("native/tls/openssl.h"));
  const oldest = JSON.parse(read("package.json")).engines.node.replace(">=", "");
  const answer = await fetch(INDEX);
  if (!answer.ok) throw new Error(`${INDEX} answered with the status ${answer.status}.`);
  const found = complaints(await answer.json(), known, oldest);
  for (const complaint of found) console.error(complaint);
  if (found.length === 0) console.log(`Every release of Node from ${oldest} on brings OpenSSL ${known.join(" or ")}.`);
  process.exitCode = found.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
