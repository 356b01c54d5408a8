/** Lists of names, as text. */

/** The most names in one answer or message; of the others there is the number. */
export const NAMES_LISTED = 50;

/** The first names, and the number of the others. */
export function shortened(names: readonly string[]): string {
  return listed(names.slice(0, NAMES_LISTED), names.length);
}

/** `names` are the first of `count`. */
export function listed(names: readonly string[], count: number): string {
  const others = count - names.length;
  return others === 0 ? names.join(", ") : `${names.join(", ")} and ${others} more`;
}
