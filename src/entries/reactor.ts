/** The reactor of this process or worker. Importing this installs the default one, unless one is installed. */
export { reactor } from "../internet/reactor/reactor.ts";
