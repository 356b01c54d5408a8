/** A protocol that waits for so many bytes at a time. Follows twisted.protocols.stateful. */
export { type State, type StateCallback, StatefulProtocol } from "../../protocols/stateful.ts";
