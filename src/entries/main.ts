/** Makes a reactor of the program's own the one that `skein/reactor` exports: `twisted.internet.main`. */
export { installReactor } from "../internet/reactor/installation.ts";
