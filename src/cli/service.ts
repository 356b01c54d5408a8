/** What a service of `skein serve` declares: its summary, its options, and how it is made from their values. */
import type { Deferred } from "../internet/defer/deferred.ts";
import type { Address, Reactor, ServerFactoryLike } from "../internet/interfaces.ts";
import { Factory, type Protocol } from "../internet/protocol.ts";

/** One option of the command line, as util.parseArgs() takes it, and what the help text says of it. */
export interface Option {
  readonly type: "string" | "boolean";
  /** May be given several times. */
  readonly multiple?: boolean;
  readonly short?: string;
  /** What stands for its value in the help text, as in `HOST:PORT`. */
  readonly value?: string;
  /** The help text, a line each, without indentation. */
  readonly help: readonly string[];
  /** The service cannot run without it. This value is the example in the error message. */
  readonly required?: string;
}

/** Options by their names, without the `--`. */
export type Options = Readonly<Record<string, Option>>;

/** The value of one option. */
type Value<O extends Option> = O extends { readonly type: "boolean" }
  ? boolean
  : O extends { readonly multiple: true }
    ? readonly string[]
    : string;

/** The values of `O`; an option that is not given is undefined, and a required one is always given. */
export type Values<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends { readonly required: string }
    ? Value<O[Name]>
    : Value<O[Name]> | undefined;
};

/** A service that is ready to listen. */
export interface Service {
  readonly factory: ServerFactoryLike;
  /** Called for each address where it listens, before anybody can connect. */
  listening?(host: Address): void;
  /** Called once the ports are closed. Its Deferred is waited for before the connections are closed. */
  shutdown?(): Deferred<void>;
}

/** What a service declares. */
interface Declaration<O extends Options> {
  /** One line for the list of services. */
  readonly summary: string;
  /** For its own help text, a line each: what whoever reaches it can do. */
  readonly warning?: readonly string[];
  /** The options of this service alone. Two services may share a name if they declare the same type. */
  readonly options?: O;
  /** Make it. Checks the values. @throws UsageError when one is invalid */
  make(reactor: Reactor, values: Values<O>): Service;
}

/** A service as the command sees it: the types of its own options are checked where it is declared. */
export type ServiceKind = Declaration<Options>;

/** Declare a service; `make` gets the values of `options` with their types. */
export function declare<const O extends Options>(declaration: Declaration<O>): ServiceKind {
  return declaration as ServiceKind;
}

/** A service without options whose connections need nothing but their class. */
export function declareProtocol(
  protocol: new () => Protocol,
  summary: string,
  warning: readonly string[] = [],
): ServiceKind {
  return { summary, warning, make: () => ({ factory: Factory.forProtocol(protocol) }) };
}
