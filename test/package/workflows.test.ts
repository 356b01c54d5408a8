/** What the workflows may do, and what they run. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "./tarball.ts";

const folder = join(ROOT, ".github/workflows");

interface Job {
  readonly name: string;
  readonly text: string;
}

/** The jobs of a workflow: what is indented below each name under `jobs:`. */
function jobsOf(text: string): Job[] {
  const [, jobs = ""] = text.split(/^jobs:\n/m);
  return jobs
    .split(/^(?= {2}\w[\w-]*:$)/m)
    .filter((part) => /^ {2}\w/.test(part))
    .map((part) => ({ name: /^ {2}([\w-]+):/.exec(part)![1]!, text: part }));
}

/** The lines below `key:` in a job, as "name: value". */
function below(job: string, key: string): string[] {
  const block = new RegExp(`^ {4}${key}:\\n((?: {6}.*\\n)*)`, "m").exec(job)?.[1] ?? "";
  return block
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

const writes = ({ text }: Job) => below(text, "permissions").some((line) => line.endsWith(": write"));

describe.each(readdirSync(folder))("%s", (file) => {
  const text = readFileSync(join(folder, file), "utf8");
  const jobs = jobsOf(text);

  test("pins each action to a commit, and names its version", () => {
    const uses = [...text.matchAll(/uses: *(.*)/g)].map((match) => match[1]!);
    expect(uses.length).toBeGreaterThan(0);
    expect(uses.filter((action) => !/^[\w-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))).toEqual([]);
  });

  test("pins each container to a digest", () => {
    const containers = [...text.matchAll(/(?:container|image): *(.*)/g)].map((match) => match[1]!);
    const free = containers.filter((image) => !image.startsWith("${{") && !/@sha256:[0-9a-f]{64}$/.test(image));
    expect(free).toEqual([]);
  });

  test("gives no job more than it names, and each the least", () => {
    expect(text).toMatch(/^permissions: \{\}$/m);
    expect(text).not.toMatch(/write-all|read-all/);
    expect(jobs.length).toBeGreaterThan(0);
    const given = Object.fromEntries(jobs.map((job) => [job.name, below(job.text, "permissions")]));
    const most: Record<string, string[]> = { release: ["contents: write"], publish: ["id-token: write"] };
    expect(given).toEqual(Object.fromEntries(jobs.map(({ name }) => [name, most[name] ?? ["contents: read"]])));
  });

  test("leaves no token where later steps could read it", () => {
    const checkouts = text.match(/uses: actions\/checkout@/g) ?? [];
    const without =
      text.match(/uses: actions\/checkout@.*\n {8}with:\n(?: {10}.*\n)*? {10}persist-credentials: false$/gm) ?? [];
    expect(without).toHaveLength(checkouts.length);
  });

  test("runs nothing of this run in a job that may write", () => {
    for (const job of jobs.filter(writes)) {
      const actions = [...job.text.matchAll(/uses: ([\w/-]+)@/g)].map((match) => match[1]);
      expect({ job: job.name, actions }).toEqual({ job: job.name, actions: ["actions/download-artifact"] });
      const commands = [...job.text.matchAll(/^ +(?:run: (?!\|)|(?= {10}(?:npm|npx|node|sh|bash|gh|\.\/)))(.*)$/gm)];
      for (const [, command] of commands) {
        expect(command!.trim()).toMatch(/^(gh release create |npm publish \.\/skein-\*\.tgz .*--ignore-scripts$)/);
      }
      expect(job.text).not.toMatch(/npm (ci|install|run|exec)|\bnpx\b|\bnode |\bsh |\.\/(?!skein-\*\.tgz )/);
    }
  });

  test("is not run with the repository's secrets by a stranger's pull request", () => {
    expect(text).not.toMatch(/pull_request_target|workflow_run/);
    const secrets = jobs.filter((job) => job.text.includes("secrets.")).map(({ name }) => name);
    expect(secrets.filter((name) => name !== "publish")).toEqual([]);
    // What strangers choose (titles, names of branches) is never part of a command.
    expect(text).not.toMatch(/run:.*\$\{\{/);
  });
});
