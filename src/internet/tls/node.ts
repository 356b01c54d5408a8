/** Modules of Node that only TLS needs, loaded when they are first used: that takes milliseconds, and most programs go without. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** Loads once. */
function later<M>(name: string): () => M {
  let loaded: M | undefined;
  return () => {
    loaded ??= require(name) as M;
    return loaded;
  };
}

export const nodeTLS = later<typeof import("node:tls")>("node:tls");
export const nodeStream = later<typeof import("node:stream")>("node:stream");
export const nodeCrypto = later<typeof import("node:crypto")>("node:crypto");
