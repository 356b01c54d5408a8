/** Types of tree.mjs, which says what it does. */
export function copyTree(folder: string): void;
