/** The reactor over io_uring(7), for Linux 6.1 and newer. */
export { install, UringReactor } from "../internet/reactor/uring.ts";
