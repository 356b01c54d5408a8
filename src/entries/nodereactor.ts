/** The reactor over Node's own sockets and timers, for where the native engine cannot be loaded. */
export { install, NodeReactor } from "../internet/reactor/node.ts";
