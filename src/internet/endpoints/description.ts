/**
 * Parses endpoint descriptions: `type:argument:keyword=argument`. A `\` escapes the next character, so that an argument
 * may contain `:`, `=` and `\`. A type that wraps another endpoint has its description last:
 * `type:keyword=argument:type of the other:…`.
 */
import { printable } from "../../logger/printable.ts";
import { check, checkOptional } from "../arguments/check.ts";
import { number, text } from "../arguments/kinds.ts";
import { SkeinError } from "../error.ts";

/** A description cannot be parsed. The message names the part that is wrong and the accepted form. */
export class InvalidEndpointError extends SkeinError {
  override readonly code: string = "ERR_INVALID_ENDPOINT";
}

/** The longest description that is parsed, in UTF-16 code units. */
export const DESCRIPTION_MAX = 4096;

/** Escape an argument for use in a description. */
export function quoteStringArgument(argument: string): string {
  check("quoteStringArgument(argument)", "argument", argument, text);
  return argument.replace(/[\\:=]/g, "\\$&");
}

/** The syntax of one type of endpoint. */
export interface EndpointForm {
  /** The type: what stands before the first `:`. */
  readonly prefix: string;
  /** The accepted form, for error messages, as in `tcp:port[:interface=address]`. */
  readonly form: string;
  /**
   * The names of the arguments in the order in which they may be given without their names; null when what follows the
   * type is a description of its own: see {@link EndpointArguments.rest}.
   */
  readonly parameters: readonly string[] | null;
  /**
   * For a type that wraps another, whose `parameters` are null: the names of its own arguments, which stand with their
   * names before the description of the other, as in `haproxy:trusted=10.0.0.1:tcp:8080`. Default: it has none, and
   * everything after the type is the other description.
   */
  readonly options?: readonly string[];
}

/** A description split into its arguments. */
export interface Description {
  readonly text: string;
  readonly type: string;
  readonly positional: readonly string[];
  readonly keywords: readonly (readonly [name: string, value: string])[];
  /** Everything after the type, unparsed. */
  readonly rest: string;
  /** How many keywords stand before the first other argument. */
  readonly leading: number;
  /** That argument and everything after it, unparsed. */
  readonly restAfterKeywords: string;
}

/** Split a description at its separators. @throws InvalidEndpointError */
export function parseDescription(text: string): Description {
  if (text.length > DESCRIPTION_MAX) {
    const most = `${text.length} characters, more than the ${DESCRIPTION_MAX} that are accepted`;
    throw new InvalidEndpointError(`Bad endpoint ${shown(text)}: it has ${most}.`);
  }
  const positional: string[] = [];
  const keywords: [string, string][] = [];
  let name: string | undefined;
  let value = "";
  /** Where the present argument starts. */
  let start = 0;
  let rest = "";
  let leading = 0;
  let restAfterKeywords = "";
  const finish = () => {
    if (positional.length === 0 && (name !== undefined || value === "")) {
      throw new InvalidEndpointError(`Bad endpoint ${shown(text)}: it must begin with a type, as in tcp:8080.`);
    }
    if (positional.length === 1 && name === undefined) {
      leading = keywords.length;
      restAfterKeywords = text.slice(start);
    }
    if (name === undefined) positional.push(value);
    else keywords.push([name, value]);
    name = undefined;
    value = "";
  };
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (character === "\\") {
      i++;
      if (i === text.length) {
        throw new InvalidEndpointError(
          `Bad endpoint ${shown(text)}: it ends with a lone "\\". Write "\\\\" for a backslash.`,
        );
      }
      value += text[i]!;
    } else if (character === ":") {
      if (positional.length === 0) rest = text.slice(i + 1);
      finish();
      start = i + 1;
    } else if (character === "=" && name === undefined) {
      name = value;
      value = "";
    } else {
      value += character;
    }
  }
  finish();
  return { text, type: positional[0]!, positional: positional.slice(1), keywords, rest, leading, restAfterKeywords };
}

/** A description in an error. What is escaped in it stays readable, unlike what quoted() makes of it. */
function shown(text: string): string {
  return `"${printable(text)}"`;
}

const COLON_HINT = 'write "\\:" for a ":" inside an argument';

/**
 * Finds an IPv6 address whose colons were not escaped: in brackets, or with `::`. Each class leaves out what follows it,
 * and `[`: the time is linear.
 */
const BARE_IPV6 = /\[([^[\]\\:]*:[^[\]\\]*)\]|::/;

/** The arguments of one description, by name. Every method throws InvalidEndpointError for what it cannot accept. */
export class EndpointArguments {
  readonly #description: Description;
  readonly #form: EndpointForm;
  readonly #values = new Map<string, string>();

  /** @throws InvalidEndpointError when there are too many arguments, or some that the form does not know */
  constructor(description: Description, form: EndpointForm) {
    this.#description = description;
    this.#form = form;
    const { positional, keywords } = description;
    const { parameters } = form;
    if (parameters === null) {
      if (form.options !== undefined) this.#take(keywords.slice(0, description.leading), form.options);
      return;
    }
    const surplus = positional[parameters.length];
    if (surplus !== undefined) {
      throw this.#error(`${shown(surplus)} is one argument too many; ${COLON_HINT}`);
    }
    positional.forEach((value, i) => {
      this.#values.set(parameters[i]!, value);
    });
    this.#take(keywords, parameters);
  }

  #take(keywords: Description["keywords"], known: readonly string[]): void {
    for (const [name, value] of keywords) {
      if (!known.includes(name)) throw this.#error(`it has no argument ${shown(name)}`);
      if (this.#values.has(name)) throw this.#error(`"${name}" is given twice; ${COLON_HINT}`);
      this.#values.set(name, value);
    }
  }

  /** Everything after the type, and after its own arguments if the form has `options`: a nested description. */
  get rest(): string {
    const rest = this.#form.options === undefined ? this.#description.rest : this.#description.restAfterKeywords;
    if (rest === "") throw this.#error("the description that it wraps is missing");
    return rest;
  }

  /** The error for arguments that cannot be used together, or name what cannot be used. */
  invalid(what: string): InvalidEndpointError {
    check("invalid(what)", "what", what, text);
    return this.#error(what);
  }

  /** The value of an argument. It may be empty only if there is a default. */
  text(name: string, byDefault?: string): string {
    check("text(name, byDefault)", "name", name, text);
    checkOptional("text(name, byDefault)", "byDefault", byDefault, text);
    return this.#text(name, byDefault);
  }

  #text(name: string, byDefault?: string): string {
    const value = this.#values.get(name) ?? byDefault;
    if (value === undefined || (value === "" && byDefault === undefined)) {
      throw this.#error(`${name} is missing${this.#addressHint()}`);
    }
    return value;
  }

  /** The value of an argument that is an integer from `least` to `most`. */
  integer(name: string, least: number, most: number, byDefault?: number): number {
    const call = "integer(name, least, most, byDefault)";
    check(call, "name", name, text);
    check(call, "least", least, number);
    check(call, "most", most, number);
    checkOptional(call, "byDefault", byDefault, number);
    const given = this.#text(name, byDefault?.toString());
    const value = Number(given);
    if (!/^\d+$/.test(given) || value < least || value > most) {
      throw this.#error(`${name} ${shown(given)} is not an integer from ${least} to ${most}`);
    }
    return value;
  }

  /** The value of an argument that is a number of seconds, 0 or more. */
  seconds(name: string, byDefault: number): number {
    check("seconds(name, byDefault)", "name", name, text);
    check("seconds(name, byDefault)", "byDefault", byDefault, number);
    const given = this.#text(name, String(byDefault));
    if (!/^\d+(\.\d+)?$/.test(given)) throw this.#error(`${name} ${shown(given)} is not a number of seconds`);
    return Number(given);
  }

  #addressHint(): string {
    const found = BARE_IPV6.exec(this.#description.rest);
    if (found === null) return "";
    const address = found[1] ?? "::1";
    return `; write "\\:" for each ":" of an IPv6 address, as in ${printable(quoteStringArgument(address))} for ${printable(address)}`;
  }

  #error(what: string): InvalidEndpointError {
    return new InvalidEndpointError(
      `Bad endpoint ${shown(this.#description.text)}: ${what}. Accepted: ${this.#form.form}`,
    );
  }
}
