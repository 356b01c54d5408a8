/** Which behaviours are not tried where; the list, with the evidence for each, is test/conformance/exceptions.json. */
import exceptions from "../conformance/exceptions.json" with { type: "json" };
import { behaviourOf, type SubjectName } from "../portable/results.ts";

/** Where an exception holds: everywhere, as far as it does not say. Several values are alternatives. */
interface Exception extends Partial<Record<keyof SubjectName | "platform" | "arch" | "label", string | string[]>> {
  readonly file: string;
  /** All of the file's, if it names none. */
  readonly behaviours?: readonly string[];
  readonly reason: string;
  readonly evidence: string;
  /** False: it is nothing that this reactor promises, and the file itself leaves it out there. */
  readonly applies?: false;
}

/** A test as it is given to its hooks. */
interface Task {
  readonly name: string;
  readonly suite?: Group | undefined;
  readonly file: { readonly name: string };
}

interface Group {
  readonly name: string;
  readonly suite?: Group | undefined;
}

/** Why a test is not tried on a subject; undefined when it is. */
export function exceptionFor(subject: SubjectName, task: Task): string | undefined {
  const names: string[] = [];
  for (let at: Group | undefined = task; at !== undefined; at = at.suite) names.unshift(at.name);
  const [, file] = /([^/]+)\.test\.ts$/.exec(task.file.name) ?? [];
  const here = {
    ...subject,
    file: file ?? task.file.name,
    platform: process.platform,
    arch: process.arch,
    label: process.env.SKEIN_LABEL,
  };
  const told = behaviourOf(names);
  const holds = ({ reason, evidence, applies, behaviours, ...where }: Exception) =>
    applies !== false &&
    Object.entries(where).every(([key, value]) => [value].flat().includes(here[key as keyof typeof here] ?? "")) &&
    (behaviours === undefined || (told !== undefined && behaviours.includes(told.behaviour)));
  return (exceptions as readonly Exception[]).find(holds)?.reason;
}
