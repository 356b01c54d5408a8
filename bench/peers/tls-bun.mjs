/** Bun.listen with TLS as an echo server: bench/peers/bun.mjs with `--key FILE --cert FILE`. The load's offer has one cipher and one group. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { listen } from "./bun-echo.mjs";

const { values } = parseArgs({
  args: Bun.argv.slice(2),
  options: { writes: { type: "string", default: "1" }, key: { type: "string" }, cert: { type: "string" } },
});
listen({
  writes: Number(values.writes),
  tls: { key: readFileSync(values.key, "utf8"), cert: readFileSync(values.cert, "utf8") },
});
