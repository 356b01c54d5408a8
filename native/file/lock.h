// A lock of the kernel on an open file, for src/internet/defer/lockrecord.ts. The kernel releases it when the process
// ends, however it ends; that is why a lock file that was left behind can be told from one that is held.
#pragma once

namespace skein {

// Lock the open file without waiting: 0, or a negative errno; -EWOULDBLOCK when another open file has the lock.
// `exclusive`: for the holder; a shared one only asks whether there is a holder.
int lock_file(int fd, bool exclusive);

}  // namespace skein
