/**
 * Traffic shaping by hierarchical token buckets: so many bytes a second for each host, for each port, for all together.
 * Names and semantics follow twisted.protocols.htb.
 */
export { Bucket } from "../../protocols/htb/bucket.ts";
export { ShapedConsumer } from "../../protocols/htb/consumer.ts";
export {
  type BucketFilter,
  FilterByHost,
  FilterByServer,
  HierarchicalBucketFilter,
} from "../../protocols/htb/filter.ts";
export { ShapedProtocolFactory, ShapedTransport } from "../../protocols/htb/shaped.ts";
