/** Types of nodes.mjs, which says what it does. */
export const VERSIONS: readonly string[];
export function wholeVersion(asked: string): string;
export function nodeProgram(version: string): string;
