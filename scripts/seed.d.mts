/** Types of seed.mjs, which says what it does. */
export function testSeed(): { readonly seed: number; readonly fresh: boolean };
