/** skein/streams, for wrongarguments.test.ts. */
import type { Calls } from "./call.ts";

export const STREAMS_CALLS: Calls = {};
