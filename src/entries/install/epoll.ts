/** Installs the epoll reactor by being imported, before anything imports `skein/reactor`. */

import { install } from "../../internet/reactor/epoll.ts";

install();
