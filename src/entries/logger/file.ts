/** Logs in files that are changed for new ones as they grow or age. A module of its own: it loads a library. */
export { type FileLogObserver, type RotatingFileOptions, rotatingFileLogObserver } from "../../logger/file.ts";
