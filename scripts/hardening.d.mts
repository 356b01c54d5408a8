/** Types of hardening.mjs, which says what it does. */
export function unprotected(bytes: Buffer): string[];
