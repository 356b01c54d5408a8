/** Calls that are made later, again and again, or bit by bit. */

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
} from "../internet/task/cooperator.ts";
export { deferLater } from "../internet/task/deferlater.ts";
export { LoopingCall, LoopingCallStateError } from "../internet/task/loopingcall.ts";
export { type ReactOptions, react, SystemExit } from "../internet/task/react.ts";
export { Clock } from "../testing/clock.ts";
