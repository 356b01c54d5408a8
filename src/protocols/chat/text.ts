/**
 * What clients write, made safe to show to others: lines without what controls a terminal or hides text, and names that
 * differ by more than invisible characters, case, or letters of another script. Letters of one script that look alike are
 * not found.
 */
import { CONTROLS } from "../../logger/printable.ts";

/** Variation selectors and the two joiners: emoji and several scripts need them inside of words. */
const JOINING = "\\u200c\\u200d\\ufe00-\\ufe0f";

/**
 * Control and format characters, those that change the direction of text or end a line, those that are never shown, and
 * what stands for bytes that are no UTF-8. Flags of regions (tag characters) are lost with them.
 */
const HIDDEN = new RegExp(`(?![${JOINING}])[${CONTROLS}\\ufffd]`, "gu");
const CONTROL = /\p{Cc}/gu;
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}\ufffd]/u;
const WORD = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.-]*$/u;

/**
 * The scripts that are in use today, and the combinations of them that a name may have.
 * @see https://www.unicode.org/reports/tr31/#Table_Recommended_Scripts
 * @see https://www.unicode.org/reports/tr39/#Restriction_Level_Detection ("highly restrictive")
 */
const SCRIPTS: readonly (readonly string[])[] = [
  ["Latin", "Han", "Hiragana", "Katakana"],
  ["Latin", "Han", "Bopomofo"],
  ["Latin", "Han", "Hangul"],
  ...["Arabic", "Armenian", "Bengali", "Cyrillic", "Devanagari", "Ethiopic", "Georgian", "Greek", "Gujarati"].map(
    alone,
  ),
  ...["Gurmukhi", "Hebrew", "Kannada", "Khmer", "Lao", "Malayalam", "Myanmar", "Oriya", "Sinhala"].map(alone),
  ...["Tamil", "Telugu", "Thaana", "Thai", "Tibetan"].map(alone),
];

/** Matches a name whose characters all belong to one of these. Digits and marks that every script has are in each. */
const ONE_SCRIPT = new RegExp(
  SCRIPTS.map(
    (scripts) => `^[${["Common", "Inherited", ...scripts].map((name) => `\\p{scx=${name}}`).join("")}]+$`,
  ).join("|"),
  "u",
);

function alone(script: string): readonly string[] {
  return [script];
}

/** A line as others see it. */
export function cleanLine(line: string): string {
  return line.replaceAll("\t", " ").replace(HIDDEN, "").trim();
}

/** A line that is a name: without the CR of telnet, in the form that is compared and shown (NFKC). */
export function nameIn(line: string): string {
  return line.replace(CONTROL, "").trim().normalize("NFKC");
}

/** Whether a name is one visible word, in one script or one of the usual combinations. */
export function isName(name: string): boolean {
  return WORD.test(name) && !INVISIBLE.test(name) && ONE_SCRIPT.test(name);
}

/** Names that differ only in case count as the same. */
export function keyOf(name: string): string {
  return name.toLowerCase().normalize("NFKC");
}
