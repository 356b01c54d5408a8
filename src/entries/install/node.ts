/** Installs the reactor over Node's own sockets by being imported, before anything imports `skein/reactor`. */

import { install } from "../../internet/reactor/node.ts";

install();
