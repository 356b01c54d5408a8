/**
 * Shows text of any origin so that a terminal, a pager or a log viewer does nothing but print it. All escaping is here.
 *
 * Escaped are control characters (C0, DEL, C1: among them ESC, BEL and CSI), the line separators U+2028 and U+2029, format
 * characters (\p{Cf}: bidirectional controls, zero-width characters, tags), other characters that are ignored by default
 * (selectors of variants among them, which emoji may have), spaces but U+0020, the empty Braille pattern and lone
 * surrogates: as `\n`, `\x1b`, `\u202e`, `\u{e0041}`. So what looks empty is, and what looks like a space is one.
 */

/**
 * What controls a terminal, ends a line, or is never shown: the inside of a character class with the flag u, by which \p{Cs}
 * are lone surrogates only.
 */
export const CONTROLS = "\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}";

/** What is escaped. */
const HIDDEN = new RegExp(`(?! )[${CONTROLS}\\p{Z}\\u2800]`, "gu");

/** The same, and what quotes and escapes. */
const HIDDEN_OR_QUOTE = new RegExp(`${HIDDEN.source}|["\\\\]`, "gu");

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" };

/** How much of a peer's text {@link printable} and {@link quoted} show by default, in UTF-16 code units. */
export const PRINTABLE_MAX = 256;

/** How much of one field, one error's stack or one string is shown in an event, in UTF-16 code units: 16 Ki. */
export const FIELD_MAX = 16 * 1024;

/** How much of the text of a whole event is shown, in UTF-16 code units: 64 Ki. */
export const EVENT_MAX = 64 * 1024;

/** How much of a name is shown in an event (its namespace, its level), in UTF-16 code units. */
export const NAME_MAX = 256;

/**
 * `text` on one line, without any character that does more than appear. Of a text longer than `max` UTF-16 code units the
 * beginning, and how many are missing: the result has at most 6 times `max` characters, and 30. Costs no more than that.
 */
export function printable(text: string, max: number = PRINTABLE_MAX): string {
  return cut(text, max, (shown) => shown.replace(HIDDEN, escaped));
}

/** {@link printable} in double quotes; those in the text, and backslashes, have a backslash before them. */
export function quoted(text: string, max: number = PRINTABLE_MAX): string {
  return cut(text, max, (shown) => `"${shown.replace(HIDDEN_OR_QUOTE, escaped)}"`);
}

/** `text` with line feeds and tabs as they are, and everything else that {@link printable} escapes escaped. */
export function printableLines(text: string): string {
  return text.replace(HIDDEN, (found) => (found === "\n" || found === "\t" ? found : escaped(found)));
}

/** JSON text with the same value in which what is hidden is written as `\uXXXX`. */
export function printableJSON(json: string): string {
  return json.replace(HIDDEN, (found) =>
    Array.from({ length: found.length }, (_, i) => `\\u${hex(found.charCodeAt(i), 4)}`).join(""),
  );
}

/** The first `max` code units of `text`, a surrogate pair not divided, and the number of those that are missing. */
export function cut(text: string, max: number, show: (beginning: string) => string = (beginning) => beginning): string {
  if (text.length <= max) return show(text);
  const end = isHighSurrogate(text.charCodeAt(max - 1)) ? max - 1 : max;
  return `${show(text.slice(0, end))}…[${text.length - end} more]`;
}

function escaped(found: string): string {
  const short = SHORT[found];
  if (short !== undefined) return short;
  const code = found.codePointAt(0) as number;
  if (code <= 0xff) return `\\x${hex(code, 2)}`;
  return code <= 0xffff ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 0)}}`;
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, "0");

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
