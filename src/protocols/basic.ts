/** Protocols that cut a stream into messages. Names and semantics follow twisted.protocols.basic. */
export { StringTooLongError, TransferStoppedError } from "./basic/error.ts";
export { type ByteSource, FileSender, type Transform } from "./basic/filesender.ts";
export { Int8StringReceiver, Int16StringReceiver, Int32StringReceiver, IntNStringReceiver } from "./basic/intn.ts";
export { LineOnlyReceiver, LineReceiver } from "./basic/line.ts";
export { NetstringReceiver } from "./basic/netstring.ts";
export {
  type StatefulString,
  StatefulStringProtocol,
  type StringReceiver,
  type StringStateMethod,
  type WithStates,
} from "./basic/stateful.ts";
