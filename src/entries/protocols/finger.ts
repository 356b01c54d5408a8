/** Who is on a machine, and what of them: a server and a client. Names follow twisted.protocols.finger. */
export { Finger, type FingerAnswer, FingerClient, type FingerOptions, finger } from "../../protocols/finger.ts";
