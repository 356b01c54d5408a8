/** Installs the io_uring reactor by being imported, before anything imports `skein/reactor`. */

import { install } from "../../internet/reactor/uring.ts";

install();
