/** Installs the poll reactor by being imported, before anything imports `skein/reactor`. */

import { install } from "../../internet/reactor/poll.ts";

install();
