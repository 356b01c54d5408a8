/**
 * The backends of the addon on any platform, one row each. Every other list of them is derived from this one, so that a
 * new backend is one row here; native/backend/registry.cc says which of them this build has, and which it prefers.
 */

export interface BackendTraits {
  /** As in native/backend/registry.cc. */
  readonly name: string;
  /** A second name, after its module's: "kq", of `skein/kqreactor`. */
  readonly alias?: string;
  /** Whether the addon of this platform includes it. */
  readonly isHere: boolean;
  /** Why the addons of other platforms do not; undefined when all do. */
  readonly elsewhere?: string;
  /** What the kernel reports to it: that a descriptor is ready, or that an operation is complete. */
  readonly reports: "readiness" | "completions";
  /** Whether addReader() and addWriter() work here. */
  readonly watchesDescriptors: boolean;
}

const isWindows = process.platform === "win32";
const isLinux = isOneOf("linux", "android");

/** In the order in which `skein reactors` lists those that are not here. */
export const BACKENDS: readonly BackendTraits[] = [
  {
    name: "epoll",
    isHere: isLinux,
    elsewhere: "epoll is Linux's",
    reports: "readiness",
    watchesDescriptors: true,
  },
  {
    name: "kqueue",
    alias: "kq",
    isHere: isOneOf("darwin", "freebsd", "openbsd", "netbsd"),
    elsewhere: "kqueue is macOS' and the BSDs'",
    reports: "readiness",
    watchesDescriptors: true,
  },
  {
    name: "iocp",
    isHere: isWindows,
    elsewhere: "completion ports are Windows'",
    reports: "completions",
    watchesDescriptors: false,
  },
  {
    name: "poll",
    isHere: !isWindows,
    elsewhere: "Windows has no poll()",
    reports: "readiness",
    watchesDescriptors: true,
  },
  {
    name: "select",
    isHere: true,
    reports: "readiness",
    // That of Windows takes sockets only.
    watchesDescriptors: !isWindows,
  },
  {
    name: "io_uring",
    alias: "uring",
    isHere: isLinux,
    elsewhere: "io_uring is Linux's, from 6.1 on",
    reports: "completions",
    watchesDescriptors: true,
  },
];

/** The backend of that name or alias, if there is one on any platform. */
export function backendNamed(name: string): BackendTraits | undefined {
  return BACKENDS.find((backend) => backend.name === name || backend.alias === name);
}

function isOneOf(...platforms: NodeJS.Platform[]): boolean {
  return platforms.includes(process.platform);
}
