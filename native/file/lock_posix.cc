#include "file/lock.h"

#include <sys/file.h>

#include <cerrno>

namespace skein {

// flock(2), not fcntl(2): its locks belong to the open file, so two threads of a process exclude each other too, and
// closing another descriptor of the file does not release it.
int lock_file(int fd, bool exclusive) {
  return ::flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0 ? 0 : -errno;
}

}  // namespace skein
