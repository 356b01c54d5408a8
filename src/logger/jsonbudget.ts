/** How much of an event fits on its line of JSON: every character counts, as it is written. */
import { cut, FIELD_MAX, printableJSON } from "./printable.ts";

/** How much more may be encoded of an event. */
export interface Budget {
  values: number;
  /** Characters of JSON. */
  characters: number;
}

export const isSpent = ({ values, characters }: Budget): boolean => values <= 0 || characters <= 0;

/** ASCII that JSON has as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** The number of characters of `text` in JSON, without the quotes. */
function sizeInJSON(text: string): number {
  return PLAIN.test(text) ? text.length : printableJSON(JSON.stringify(text)).length - 2;
}

/** {@link cut} at `max` code units, or where the beginning has `size` characters in JSON. */
export function cutForJSON(text: string, size: number, max: number = size): string {
  const whole = cut(text, max);
  if (sizeInJSON(whole) <= size) return whole;
  let left = size;
  let end = 0;
  for (const character of text.slice(0, max)) {
    left -= sizeInJSON(character);
    if (left < 0) break;
    end += character.length;
  }
  return cut(text, end);
}

/** `text`, or its beginning, for which the budget has room. */
export function textWithin(budget: Budget, text: string): string {
  const shown = cutForJSON(text, Math.max(0, budget.characters - 2), FIELD_MAX);
  budget.characters -= sizeInJSON(shown) + 2;
  return shown;
}
