/** Protocols of strings with a method for each state. */
import { check } from "../../internet/arguments/check.ts";
import { has } from "../../internet/arguments/described.ts";
import type { Kind } from "../../internet/arguments/kinds.ts";
import { SkeinError } from "../../internet/error.ts";
import type { Protocol } from "../../internet/protocol.ts";
import { ensureState } from "../guard.ts";

/** A protocol that receives strings, such as NetstringReceiver or Int32StringReceiver. */
export interface StringReceiver extends Protocol {
  stringReceived(string: Buffer): void;
}

/**
 * Called with a string that arrived in its state, which the callee owns. Returns the name of the next state, or nothing to
 * stay in the same one.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a method without a return statement is one of these.
export type StringStateMethod = (string: Buffer) => string | undefined | void;

/** What {@link StatefulStringProtocol} adds to a receiver. */
export interface StatefulString {
  /** The current state, initially "init". The next string is passed to the method `proto_` plus this name. */
  state: string;
  [method: `proto_${string}`]: StringStateMethod;
}

/** The class `B`, with its statics and the parameters of its constructor, plus {@link StatefulString}. */
export type WithStates<B extends new (...args: never[]) => StringReceiver> = Omit<B, "prototype"> &
  (new (
    ...args: ConstructorParameters<B>
  ) => InstanceType<B> & StatefulString);

const STRING_PROTOCOL: Kind = {
  accepts: "a class of protocols with stringReceived()",
  typed: (value) => typeof value === "function" && has(value.prototype, "stringReceived"),
};

/**
 * A subclass of `Base` that has a method for each state, as in
 *
 *     class Login extends StatefulStringProtocol(Int32StringReceiver) {
 *       proto_init(name: Buffer): string { …; return "password"; }
 *       proto_password(password: Buffer): string { …; return "done"; }
 *     }
 *
 * The state "done" closes the connection. A string that arrives in a state without a method throws a SkeinError.
 * @throws TypeError unless `Base` is a class of protocols with stringReceived()
 */
export function StatefulStringProtocol<B extends new (...args: never[]) => StringReceiver>(Base: B): WithStates<B> {
  check("StatefulStringProtocol(Base)", "Base", Base, STRING_PROTOCOL);
  class Stateful extends (Base as unknown as new (...args: unknown[]) => StringReceiver) {
    state = "init";

    override stringReceived(string: Buffer): void {
      const name = `proto_${this.state}`;
      const method: unknown = Reflect.get(this, name);
      if (typeof method !== "function") {
        throw new SkeinError(
          `${this.logPrefix()} received a string in the state "${this.state}", which has no method ${name}(string).`,
        );
      }
      const next = (method as StringStateMethod).call(this, string);
      ensureState(next, this, this.transport);
      this.state = next ?? this.state;
      if (this.state === "done") this.transport.loseConnection();
    }
  }
  return Stateful as unknown as WithStates<B>;
}
