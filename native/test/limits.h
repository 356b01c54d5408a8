// The limit of open files, as tests move it.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "test/test.h"

namespace skein::test {

// Sets the limit for as long as it lives. Above the hard limit that is a privilege.
class OpenFiles {
 public:
  explicit OpenFiles(rlim_t most) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit wanted{most, std::max(most, before_.rlim_max)};
    granted_ = ::setrlimit(RLIMIT_NOFILE, &wanted) == 0;
  }
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;
  ~OpenFiles() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  bool granted() const { return granted_; }

 private:
  rlimit before_{};
  bool granted_ = false;
};

// Takes every free number below `end`, so that the next descriptor is `end` or higher.
class Filler {
 public:
  explicit Filler(int end) {
    const int first = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(first >= 0);
    for (int fd = first; fd >= 0; fd = ::fcntl(first, F_DUPFD_CLOEXEC, 0)) {
      if (fd >= end) {
        ::close(fd);
        break;
      }
      taken_.push_back(fd);
    }
  }
  Filler(const Filler&) = delete;
  Filler& operator=(const Filler&) = delete;
  ~Filler() {
    for (const int fd : taken_) ::close(fd);
  }

 private:
  std::vector<int> taken_;
};

}  // namespace skein::test
