/** Calls that are made later, again and again, or bit by bit. */
export { Clock } from "../testing/clock.ts";
export {
  CooperativeTask,
  Cooperator,
  type CooperatorOptions,
  coiterate,
  cooperate,
  NotPaused,
  SchedulerStopped,
  TaskDone,
  TaskFailed,
  TaskFinished,
  TaskStopped,
  type Work,
} from "./task/cooperator.ts";
export { deferLater } from "./task/deferlater.ts";
export { LoopingCall, LoopingCallStateError } from "./task/loopingcall.ts";
export { type ReactOptions, react, SystemExit } from "./task/react.ts";
