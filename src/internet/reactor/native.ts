/** A reactor over the native engine: the same for every backend. */

import { loadNative } from "../../native.ts";
import { stageWrites } from "../engine/stagedwrites.ts";
import { EngineReactor } from "./engine.ts";

export type DriverName = "pollable" | "waiter";

export interface NativeReactorOptions {
  /** How the engine is driven by Node's event loop. Default: what fits the backend and the runtime. */
  readonly driver?: DriverName;
}

export class NativeReactor extends EngineReactor {
  /** "pollable" or "waiter". */
  readonly driver: DriverName;

  /** @throws NativeLoadError | ReactorNotAvailableError */
  constructor(backend: string, options: NativeReactorOptions = {}) {
    const driver = options.driver ?? defaultDriver(backend);
    super(backend, (setup) =>
      stageWrites((staging) => loadNative().createEngine({ backend, driver, staging, ...setup })),
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
