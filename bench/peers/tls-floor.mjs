/** The floor under TLS in this Node, with its OpenSSL: bench/floor/tls_echo.cc. `--addon FILE --key FILE --cert FILE`. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { addon: { type: "string" }, key: { type: "string" }, cert: { type: "string" } } });
createRequire(import.meta.url)(values.addon)(readFileSync(values.cert, "latin1"), readFileSync(values.key, "latin1"));
