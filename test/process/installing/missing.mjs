/** A reactor that this platform has not. */
import { install } from "skein/iocpreactor";
import { tell } from "./tell.cjs";

console.log("none");
tell(install);
