/** In which order vitest begins the test files: those that take longest first, so that none of them is left at the end alone. */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Of a file that takes much longer than its size suggests; the longest first. */
const LONG = [
  "conformance/shutdown",
  "sim/chat-hour",
  "package/loadfailure",
  "services/services",
  "random/random",
  "services/relays",
  "conformance/listening",
  "conformance/lifecycle",
  "package/install",
  "conformance/fdset",
  "conformance/policies",
  "conformance/starvation",
  "process/workers",
  "process/end",
  "process/standstill",
  "process/installing",
  "torture/torture",
  "conformance/stale",
  "interop/streams-ws",
];

/** A name that is in the list comes before all others, which stay in vitest's own order: by what they took last time, or by size. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

function rank({ moduleId, project }: TestSpecification): number {
  const found = LONG.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
  // In worker threads there is one reactor.
  return found < 0 || project.name === "worker" ? LONG.length : found;
}
