/** Logs in files that are changed for new ones as they grow or age. */
export { type FileLogObserver, type RotatingFileOptions, rotatingFileLogObserver } from "../../logger/file.ts";
export { LogFileError } from "../../logger/logpath.ts";
