import type { Calls } from "./call.ts";
export const TESTING_CALLS: Calls = {};
