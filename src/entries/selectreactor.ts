/** The reactor over select(2), for every system. */
export { install, SelectReactor } from "../internet/reactor/select.ts";
