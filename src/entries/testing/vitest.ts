/**
 * For tests that run under vitest: each test is to leave nothing behind.
 *
 *     import { checkLeaks } from "skein/testing/vitest";
 *     checkLeaks();
 */
export { checkLeaks, flushLoggedErrors, type LeakCheckOptions } from "../../testing/vitest.ts";
