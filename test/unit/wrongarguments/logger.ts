/** The set-up of logging, for wrongarguments.test.ts. */

import { rotatingFileLogObserver } from "../../../src/entries/logger/file.ts";
import * as logger from "../../../src/entries/logger.ts";
import { type Calls, constructed, made, method, nothing } from "./call.ts";

const EVENT = new logger.LogEvent("info", "test", "a message");
const SINK = { write: nothing };

export const LOGGER_CALLS: Calls = {
  "LimitedHistoryLogObserver.replayTo": method(
    () => {
      const history = new logger.LimitedHistoryLogObserver();
      history.observe(EVENT);
      return history;
    },
    "replayTo",
    nothing,
  ),
  "LogLevelFilterPredicate.logLevelForNamespace": method(
    () => new logger.LogLevelFilterPredicate(),
    "logLevelForNamespace",
    "a",
  ),
  "LogLevelFilterPredicate.setLogLevelForNamespace": method(
    () => new logger.LogLevelFilterPredicate(),
    "setLogLevelForNamespace",
    "a",
    "info",
  ),
  "LogPublisher.addObserver": method(() => new logger.LogPublisher(), "addObserver", nothing),
  "LogPublisher.removeObserver": method(() => new logger.LogPublisher(), "removeObserver", nothing),
  "LogPublisher.replaceObservers": method(() => new logger.LogPublisher(), "replaceObservers", []),
  "new LimitedHistoryLogObserver": constructed(logger.LimitedHistoryLogObserver, 1),
  "new LogLevelFilterPredicate": constructed(logger.LogLevelFilterPredicate, "info"),
  "new Logger": constructed(logger.Logger, "a", {}),
  eventsFromJSONLogFile: made(logger.eventsFromJSONLogFile, ""),
  filteringLogObserver: made(logger.filteringLogObserver, nothing, [], nothing),
  formatEventAsJSON: made(logger.formatEventAsJSON, EVENT),
  formatEventAsText: made(logger.formatEventAsText, EVENT, {}),
  jsonFileLogObserver: made(logger.jsonFileLogObserver, SINK),
  rotatingFileLogObserver: made(rotatingFileLogObserver, "/nowhere/log", {}),
  setObserver: made(logger.setObserver, nothing),
  textFileLogObserver: made(logger.textFileLogObserver, SINK, {}),
};
