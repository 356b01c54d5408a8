/** Installs the poll reactor by being imported, before anything imports `skein/reactor`. */

import { install } from "../pollreactor.ts";

install();
