/**
 * What a random sequence is made of. A lane is one port and at most one connection to it; its operations come one after
 * the other, and what they bring about has settled before the next. Lanes have nothing to do with each other.
 */

export type Side = "client" | "server";

/** The other end of the connection. */
export function other(side: Side): Side {
  return side === "client" ? "server" : "client";
}

/** What one end does, of its own accord, in one turn of the loop. */
export type Action =
  | { readonly do: "write"; readonly size: number }
  | { readonly do: "end" }
  | { readonly do: "close" }
  | { readonly do: "abort" }
  | { readonly do: "pause" }
  | { readonly do: "resume" }
  /** A pull producer writes so many pieces, and is unregistered then: what ends its side waits for it. */
  | { readonly do: "produce"; readonly pieces: number; readonly size: number };

/** What one end does from inside dataReceived(). */
export type Reaction =
  | "echo"
  | "pause"
  | "end"
  | "close"
  | "abort"
  | "throw"
  /** Throws one of the values of test/hostile. */
  | "throw-hostile"
  /** Transfers the memory of what it received to somebody else. */
  | "detach"
  | "block"
  /** Begins TLS as its client. The other end begins it behind what it wrote, as the server. */
  | "secure";

/** What a protocol is like. */
export interface Manner {
  /** Wants to know of each half's end. */
  readonly halves: boolean;
  readonly borrows: boolean;
  /** Bytes that it writes in connectionMade(). */
  readonly greeting: number;
  /** What it does then, and in handshakeCompleted(). */
  readonly opening: Opening;
  readonly shaken: Opening;
}

export type Opening = "nothing" | "pause" | "end" | "close";

export type Operation =
  | { readonly do: "listen" }
  | { readonly do: "stop" }
  /** stopListening(), and startListening() of the same port: refused in that turn, done when it has stopped. */
  | { readonly do: "relisten" }
  /** Every method of the transports of this lane whose connections are lost: nothing comes of it. */
  | { readonly do: "late" }
  | { readonly do: "connect"; readonly client: Manner; readonly server: Manner }
  | { readonly do: "act"; readonly side: Side; readonly actions: readonly Action[] }
  /** `side` reacts to the next bytes that it receives; the other end writes `size` of them. */
  | { readonly do: "react"; readonly side: Side; readonly reaction: Reaction; readonly size: number }
  | { readonly do: "rest" };

/** How many operations of the specification this is. */
export function weight(operation: Operation): number {
  switch (operation.do) {
    case "act":
      return operation.actions.reduce((sum, action) => sum + (action.do === "produce" ? action.pieces : 1), 0);
    case "react":
      return 2;
    case "rest":
      return 0;
    default:
      return 1;
  }
}

/** One line, as a report of a failure shows it. */
export function describe(operation: Operation): string {
  switch (operation.do) {
    case "connect":
      return `connect: client ${mannerText(operation.client)}, server ${mannerText(operation.server)}`;
    case "act":
      return `${operation.side}: ${operation.actions.map(actionText).join(", ")}`;
    case "react":
      return `${operation.side} is sent ${operation.size} bytes, and reacts by ${operation.reaction}`;
    default:
      return operation.do;
  }
}

function actionText(action: Action): string {
  if (action.do === "produce") return `produce ${action.pieces} times ${action.size}`;
  return action.do === "write" ? `write ${action.size}` : action.do;
}

function mannerText({ halves, borrows, greeting, opening, shaken }: Manner): string {
  const traits = [halves ? "half-closeable" : "plain", borrows ? "borrowing" : "owning"];
  if (greeting > 0) traits.push(`greeting with ${greeting}`);
  if (opening !== "nothing") traits.push(`beginning with ${opening}`);
  if (shaken !== "nothing") traits.push(`in handshakeCompleted() ${shaken}`);
  return traits.join(" ");
}
