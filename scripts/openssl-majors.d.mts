/** Types of openssl-majors.mjs, which says what they do. */
export function knownMajors(header: string): number[];
export function complaints(index: unknown, known: readonly number[], oldest: string): string[];
