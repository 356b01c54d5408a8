// Who used the processor, by the kernel's own accounting.
//
// The server is read through its CPU-time clock (clock_getcpuclockid(3)): user and system time of every thread it has
// or ever had, in nanoseconds. /proc/<pid>/stat has the same sum in ticks of 10 ms, and /proc/<pid>/task/*/schedstat
// forgets a thread when it ends. A thread that is running on another core is charged up to its last tick or switch, an
// error of at most 4 ms a sample that falls on all servers alike.
//
// Foreign time is what the cores in use did for others: all that was neither idle, nor the server's, nor the load's. It
// is taken from the idle time because that is a measured time (on a kernel without idle ticks), while the busy fields
// of /proc/stat are sampled at ticks. Time that a hypervisor took away counts as foreign.
#pragma once

#include <sys/types.h>
#include <time.h>

#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

inline double secondsOf(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Seconds: of the clock, of processor time by the server and the load, and of idleness on the cores in use.
struct Accounts {
  double clock = 0;
  double server = 0;
  double load = 0;
  double idle = 0;

  Accounts operator-(const Accounts& before) const {
    return {clock - before.clock, server - before.server, load - before.load, idle - before.idle};
  }
};

class Accounting {
 public:
  // `server` 0: there is none to watch. `cores`: numbers as in /proc/stat; with none, foreign time is not known.
  Accounting(pid_t server, std::vector<int> cores) : cores_(std::move(cores)) {
    clockid_t clock;
    if (server == 0) return;
    if (const int error = clock_getcpuclockid(server, &clock); error != 0) {
      std::fprintf(stderr, "process %d: %s\n", server, std::strerror(error));
      std::exit(1);
    }
    server_ = clock;
  }

  Accounts read() const {
    return {secondsOf(CLOCK_MONOTONIC), server_ ? secondsOf(*server_) : 0, secondsOf(CLOCK_PROCESS_CPUTIME_ID), idle()};
  }

  // Foreign time as a share of one core; 0 when it is not known.
  double foreign(const Accounts& used) const {
    if (!server_ || cores_.empty()) return 0;
    const double busy = used.clock * static_cast<double>(cores_.size()) - used.idle;
    return std::max(0.0, (busy - used.server - used.load) / used.clock);
  }

 private:
  double idle() const {
    std::FILE* file = cores_.empty() ? nullptr : std::fopen("/proc/stat", "r");
    if (file == nullptr) return 0;
    char line[512];
    unsigned long long ticks = 0;
    while (std::fgets(line, sizeof line, file) != nullptr) {
      int core;
      unsigned long long idle, iowait;
      if (std::sscanf(line, "cpu%d %*u %*u %*u %llu %llu", &core, &idle, &iowait) != 3) continue;
      if (std::find(cores_.begin(), cores_.end(), core) != cores_.end()) ticks += idle + iowait;
    }
    std::fclose(file);
    return static_cast<double>(ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }

  std::optional<clockid_t> server_;
  std::vector<int> cores_;
};
