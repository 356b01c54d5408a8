/** Installs the iocp reactor by being imported, before anything imports `skein/reactor`. */

import { install } from "../iocpreactor.ts";

install();
