/** Types of packed.mjs, which says what it does. */
export const cache: string;
export function packed(spec: string, only?: readonly string[]): string;
