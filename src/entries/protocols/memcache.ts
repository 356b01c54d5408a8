/** A client of memcached, by its text protocol. Names follow twisted.protocols.memcache. */
export {
  ClientError,
  DEFAULT_PORT,
  type IdentifiedValue,
  type MemCacheOptions,
  MemCacheProtocol,
  NoSuchCommand,
  ServerError,
  type Value,
} from "../../protocols/memcache.ts";
