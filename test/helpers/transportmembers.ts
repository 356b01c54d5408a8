/** The names under which tests list calls of a transport, so that the type check finds what a list lacks. */
import type { Transport } from "../../src/internet/interfaces.ts";

/** A member of `Transport`: `write()` of a method, `disconnecting` of a property. */
export type TransportMember = {
  [K in keyof Transport]: Transport[K] extends (...args: never) => unknown ? `${K}()` : K;
}[keyof Transport];
