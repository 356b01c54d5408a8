/** Protocols of strings that go from state to state. */
import { SkeinError } from "../../internet/error.ts";
import type { Protocol } from "../../internet/protocol.ts";

/** A protocol that receives strings: NetstringReceiver, Int32StringReceiver and their like. */
export interface StringReceiver extends Protocol {
  stringReceived(string: Buffer): void;
}

/**
 * Called with the string that came in its state, which is the callee's to keep; returns the name of the next state, or
 * nothing to stay in the same one.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a method without a return statement is one of these.
export type StringStateMethod = (string: Buffer) => string | undefined | void;

/** What {@link StatefulStringProtocol} adds to a receiver. */
export interface StatefulString {
  /** The name of the present state: the next string goes to the method `proto_` and that name. At first "init". */
  state: string;
  [method: `proto_${string}`]: StringStateMethod;
}

/** The class `B`, which keeps its statics and its constructor's arguments, with {@link StatefulString}. */
export type WithStates<B extends new (...args: never[]) => StringReceiver> = Omit<B, "prototype"> &
  (new (
    ...args: ConstructorParameters<B>
  ) => InstanceType<B> & StatefulString);

/**
 * A class of string protocols whose every state has a method of its own, as in
 *
 *     class Login extends StatefulStringProtocol(Int32StringReceiver) {
 *       proto_init(name: Buffer): string { …; return "password"; }
 *       proto_password(password: Buffer): string { …; return "done"; }
 *     }
 *
 * In the state "done" the connection is closed. A string that comes in a state without a method throws a SkeinError.
 */
export function StatefulStringProtocol<B extends new (...args: never[]) => StringReceiver>(Base: B): WithStates<B> {
  class Stateful extends (Base as unknown as new (...args: unknown[]) => StringReceiver) {
    state = "init";

    override stringReceived(string: Buffer): void {
      const name = `proto_${this.state}`;
      const method: unknown = Reflect.get(this, name);
      if (typeof method !== "function") {
        throw new SkeinError(
          `${this.logPrefix()} received a string in the state "${this.state}": write its method ${name}(string), or ` +
            "return another state from the one before.",
        );
      }
      this.state = (method as StringStateMethod).call(this, string) ?? this.state;
      if (this.state === "done") this.transport.loseConnection();
    }
  }
  return Stateful as unknown as WithStates<B>;
}
