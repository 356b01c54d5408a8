/** Installs the select reactor by being imported, before anything imports `skein/reactor`. */

import { install } from "../../internet/reactor/select.ts";

install();
