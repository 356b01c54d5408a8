/** The small services of the early internet. */
export { Chargen, Daytime, Discard, Echo, QOTD, Time, Who } from "../../protocols/wire.ts";
