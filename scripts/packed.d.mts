/** Types of packed.mjs, which says what it does. */
export const cache: string;
export function packed(spec: string, only?: readonly string[]): string;
/** @throws Error when the archive's SHA-512 is not that of fetched.json */
export function verify(spec: string, archive: Uint8Array): void;
