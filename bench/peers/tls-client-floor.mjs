/** The floor of TLS clients in this Node, with its OpenSSL: bench/floor/tls_client.cc. The options are those of tls-clients.mjs. */
import { createRequire } from "node:module";
import { asked, residentBytes, tellIdle } from "./tls-clients.mjs";

const run = createRequire(import.meta.url)(asked.addon);
const memory = residentBytes();
run(asked.idle ? { ...asked, warmup: 30 } : asked);
if (asked.idle) tellIdle(memory);
