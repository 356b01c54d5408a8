/** The reactor over completion ports, for Windows. */
export { IOCPReactor, install } from "../internet/reactor/iocp.ts";
