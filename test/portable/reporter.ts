/** A reporter for vitest that writes the conformance suite's results as the bundle's runs do. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Reporter, TestCase } from "vitest/node";
import { behaviourOf, fileOf, type Results, type Row } from "./results.ts";

const FOLDER = fileURLToPath(new URL("../../build/conformance", import.meta.url));

/** Of the project "main": what worker threads show beside it is not of the matrix. */
export default class ResultsReporter implements Reporter {
  readonly #rows: Row[] = [];

  onTestCaseResult(test: TestCase): void {
    const [, file] = /\/conformance\/([^/]+)\.test\.ts$/.exec(test.module.moduleId) ?? [];
    const told = behaviourOf([...groupsOf(test), test.name]);
    if (file === undefined || told === undefined || test.project.name !== "main") return;
    const { state, errors } = test.result();
    const error = errors?.map(({ stack, message }) => stack ?? message).join("\n") ?? noteOf(test);
    this.#rows.push({
      file,
      ...told,
      state: state === "pending" ? "skipped" : state,
      duration: test.diagnostic()?.duration ?? 0,
      ...(error === undefined ? {} : { error }),
    });
  }

  onTestRunEnd(): void {
    const label = process.env.SKEIN_LABEL;
    const results: Results = {
      platform: process.platform,
      arch: process.arch,
      ...(label === undefined ? {} : { label }),
      runner: "vitest",
      node: process.version,
      rows: this.#rows,
    };
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, fileOf(results)), `${JSON.stringify(results, undefined, 1)}\n`);
  }
}

function groupsOf(test: TestCase): string[] {
  const names: string[] = [];
  for (let at = test.parent; at.type === "suite"; at = at.parent) names.unshift(at.name);
  return names;
}

/** Why a test was skipped. */
function noteOf(test: TestCase): string | undefined {
  const result = test.result();
  return result.state === "skipped" ? (result.note ?? "") : undefined;
}
