/** A reactor over the native engine: the same for every backend. */

import { loadNative } from "../../native.ts";
import { checkOptions, type OptionKinds } from "../arguments/check.ts";
import { oneOf } from "../arguments/kinds.ts";
import { stageWrites } from "../engine/stagedwrites.ts";
import { EngineReactor } from "./engine.ts";
import { ensureAvailable } from "./installation.ts";

export type DriverName = "pollable" | "waiter";

/** Options of a reactor over the native engine. */
export interface NativeReactorOptions {
  /** How Node's event loop drives the engine. Default: depends on the backend and the runtime. */
  readonly driver?: DriverName;
}

const OPTIONS: OptionKinds<NativeReactorOptions> = { driver: oneOf("pollable", "waiter") };

export class NativeReactor extends EngineReactor {
  /** "pollable" or "waiter". */
  readonly driver: DriverName;

  /** @throws TypeError | RangeError for wrong options; NativeLoadError | ReactorNotAvailableError */
  constructor(backend: string, options: NativeReactorOptions = {}) {
    const checked = checkOptions<NativeReactorOptions>(`new ${new.target.name}(options)`, options, OPTIONS);
    ensureAvailable(backend);
    const driver = checked.driver ?? defaultDriver(backend);
    super(backend, (setup) =>
      stageWrites((staging) => {
        const addon = loadNative();
        const engine = addon.createEngine({ backend, driver, staging, ...setup });
        return { ...engine, tls: { ...engine.tls!, provider: addon.tls } };
      }),
    );
    this.driver = driver;
  }
}

/** Bun and Deno have no uv_poll for addons, and not every backend has a descriptor to poll. */
function defaultDriver(name: string): DriverName {
  if ("bun" in process.versions || "deno" in process.versions) return "waiter";
  return (
    loadNative()
      .backends()
      .find((backend) => backend.name === name)?.driver ?? "waiter"
  );
}
