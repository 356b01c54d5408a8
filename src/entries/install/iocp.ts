/** Installs the iocp reactor by being imported, before anything imports `skein/reactor`. */

import { install } from "../../internet/reactor/iocp.ts";

install();
