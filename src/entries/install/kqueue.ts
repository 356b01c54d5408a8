/** Installs the kqueue reactor by being imported, before anything imports `skein/reactor`. */

import { install } from "../../internet/reactor/kqueue.ts";

install();
