/**
 * A Failure is what travels along a Deferred's error lane: anything that was thrown, wrapped so that it can be told
 * from a result. It captures no stack of its own: the error inside has one.
 */
export { type ErrorType, Failure } from "../internet/failure.ts";
