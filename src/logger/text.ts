/** Events as lines of text. */
import { checkOptions } from "../internet/arguments/check.ts";
import { flag, type Kind } from "../internet/arguments/kinds.ts";
import { ensureEvent } from "./arguments.ts";
import { describe, textOf } from "./describe.ts";
import type { LogEvent } from "./event.ts";
import type { LogLevel } from "./level.ts";
import { cut, EVENT_MAX, NAME_MAX, printable, printableLines } from "./printable.ts";

/** The options of text output. */
export interface TextOptions {
  /** Colour the levels with ANSI codes. Default false. */
  readonly colors?: boolean;
}

/** The kinds of {@link TextOptions}. */
export const TEXT_OPTIONS: Record<keyof TextOptions, Kind> = { colors: flag };

const COLORS: Readonly<Record<LogLevel, string>> = {
  debug: "\x1b[2m",
  info: "",
  warn: "\x1b[33m",
  error: "\x1b[31m",
  critical: "\x1b[1;31m",
};

/**
 * `2026-11-20T08:00:00.000Z [namespace#level] message`, then the stack if there is an error. The lines after the first
 * one are indented, so that text from outside cannot imitate another event, and characters that a terminal would act upon
 * are escaped, as in `\x1b` and `\u202e`. At most 64 Ki characters of the message and of the stacks are shown.
 * @throws TypeError for what is not an event, and for an unknown option; never for what the event holds
 */
export function formatEventAsText(event: LogEvent, options: TextOptions = {}): string {
  const call = "formatEventAsText(event, options)";
  ensureEvent(call, event);
  return eventAsText(event, checkOptions<TextOptions>(call, options, TEXT_OPTIONS));
}

/** {@link formatEventAsText} for observers, which check their options once. */
export function eventAsText(event: LogEvent, options: TextOptions = {}): string {
  const { message, error } = event;
  const whole = error === undefined ? message : `${cut(textOf(message), EVENT_MAX)}\n${describe(error)}`;
  // Cut before anything is escaped, which costs, and after, since what is escaped is longer.
  const shown = cut(printableLines(cut(textOf(whole), 2 * EVENT_MAX).replaceAll("\r\n", "\n")), 2 * EVENT_MAX);
  const tag = `[${name(event.namespace)}#${name(event.level)}]`;
  const color = options.colors === true && Object.hasOwn(COLORS, event.level) ? COLORS[event.level] : "";
  return `${timestamp(event.time)} ${color === "" ? tag : `${color}${tag}\x1b[0m`} ${shown.replaceAll("\n", "\n\t")}\n`;
}

const name = (value: unknown): string => printable(textOf(value), NAME_MAX);

/** "-" for an invalid time, which a JavaScript program may pass. */
function timestamp(seconds: number): string {
  try {
    return new Date(seconds * 1000).toISOString();
  } catch {
    return "-";
  }
}
