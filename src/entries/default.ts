/** The reactor that a program gets when it chooses none. */
export { install } from "../internet/reactor/default.ts";
