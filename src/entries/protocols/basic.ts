/** Protocols that cut a stream into messages. Names and semantics follow twisted.protocols.basic. */
export { StringTooLongError, TransferStoppedError } from "../../protocols/basic/error.ts";
export { type ByteSource, FileSender, type Transform } from "../../protocols/basic/filesender.ts";
export {
  Int8StringReceiver,
  Int16StringReceiver,
  Int32StringReceiver,
  IntNStringReceiver,
} from "../../protocols/basic/intn.ts";
export { LineOnlyReceiver, LineReceiver } from "../../protocols/basic/line.ts";
export { NetstringReceiver } from "../../protocols/basic/netstring.ts";
export {
  type StatefulString,
  StatefulStringProtocol,
  type StringReceiver,
  type StringStateMethod,
  type WithStates,
} from "../../protocols/basic/stateful.ts";
