/** The causes of a failure to load that can be brought about, with the installed package. */
import { cp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { bareMachine, emptyProject, npm, pack, run, succeeded, workplace } from "./tarball.ts";

const { folder, remove } = await workplace();
const project = join(folder, "project");
const installed = join(project, "node_modules/skein");
const own = `${process.platform}-${process.arch}`;
const binaries = join(installed, "prebuilds", own);
let file: string;
let bare: string;

beforeAll(async () => {
  const { file: tarball } = await pack(folder);
  bare = await bareMachine(folder);
  await emptyProject(project);
  await succeeded(npm(["install", "--ignore-scripts", tarball], project, bare));
  file = join(binaries, (await readdir(binaries))[0]!);
  await cp(installed, join(folder, "as-it-was"), { recursive: true });
});
afterEach(async () => {
  await rm(installed, { recursive: true });
  await cp(join(folder, "as-it-was"), installed, { recursive: true });
});
afterAll(remove);

/** What the program dies of. */
async function failure(options: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { code, complaints } = await run(process.execPath, [...options, "load.mjs"], project, { PATH: bare, ...env });
  expect({ code, complaints }).toEqual({ code: 1, complaints: expect.stringContaining("ERR_NATIVE_LOAD") });
  return complaints;
}

describe("an addon that does not load is reported with the reason and the remedies", () => {
  test("under --no-addons", async () => {
    expect(await failure(["--no-addons"])).toContain("1. Take --no-addons out");
    expect(await failure([], { NODE_OPTIONS: "--no-addons" })).toContain("Node was started with --no-addons.");
  });

  test("under the permission model", async () => {
    const model = process.allowedNodeEnvironmentFlags.has("--permission")
      ? "--permission"
      : "--experimental-permission";
    const said = await failure([model, "--allow-fs-read=*"]);
    expect(said).toContain("permission model forbids addons");
    expect(said).toContain("1. Allow them: add --allow-addons");
    expect(
      await succeeded(
        run(process.execPath, [model, "--allow-fs-read=*", "--allow-addons", "load.mjs"], project, { PATH: bare }),
      ),
    ).toBe("loaded\n");
  });

  test("when there is no binary for this platform", async () => {
    await rename(binaries, join(installed, "prebuilds/plan9-mips"));
    const said = await failure();
    expect(said).toContain(`the package has no binary for ${own}, only for`);
    expect(said).toContain("plan9-mips");
  });

  test("when the folder of the binaries was removed", async () => {
    await rm(join(installed, "prebuilds"), { recursive: true });
    expect(await failure()).toContain(`there is nothing to be read in ${join(installed, "prebuilds")}`);
  });

  test("when the code was bundled outside the package", async () => {
    await rm(join(installed, "prebuilds"), { recursive: true });
    await rm(join(installed, "native"), { recursive: true });
    expect(await failure()).toContain('1. Leave the package out of the bundle: mark "skein" as external');
  });

  test("when the binary is damaged", async () => {
    await writeFile(file, "not a binary at all, but long enough to have a header of sixty-four bytes");
    expect(await failure()).toContain("the file is damaged, or was made for another system.");
  });
});

test("the command in the message compiles the addon", { timeout: 600_000 }, async () => {
  await rm(join(installed, "prebuilds"), { recursive: true });
  const [, command] = / {2}\d\. Compile it here .*: (npm .*)\n/.exec(await failure())!;
  const { PATH = "" } = process.env;
  await succeeded(run("/bin/sh", ["-c", command!], project, { PATH, npm_config_prefer_offline: "true" }));
  expect(await succeeded(run(process.execPath, ["load.mjs"], project, { PATH: bare }))).toBe("loaded\n");
});

describe.runIf(process.platform === "linux")("on Linux", () => {
  test("a binary that needs a newer glibc is reported with both versions", async () => {
    const bytes = await readFile(file);
    // The linker finds a version by its hash and then compares the name.
    const wanted = /GLIBC_2\.\d+(?=\0)/.exec(bytes.toString("latin1"))![0];
    bytes.write(wanted.replace("GLIBC_2", "GLIBC_9"), bytes.indexOf(`${wanted}\0`), "latin1");
    await writeFile(file, bytes);
    const has = (process.report.getReport() as { header: { glibcVersionRuntime: string } }).header.glibcVersionRuntime;
    expect(await failure()).toContain(
      `the binary needs glibc ${wanted.slice(6).replace("2", "9")} or newer, and this system has ${has}.`,
    );
  });

  test("a binary for the other C library is not loaded, whatever the environment says", async () => {
    await rename(file, join(binaries, file.includes(".musl.") ? "skein.glibc.node" : "skein.musl.node"));
    for (const LIBC of ["musl", "glibc"]) expect(await failure([], { LIBC })).toContain(`no binary for ${own} with `);
  });

  test("a binary for another architecture is refused", async () => {
    const bytes = await readFile(file);
    bytes.writeUInt16LE(bytes.readUInt16LE(18) ^ 0x55, 18); // e_machine, elf(5)
    await writeFile(file, bytes);
    expect(await failure()).toContain("the file is damaged, or was made for another system.");
  });
});
