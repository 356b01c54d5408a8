// The command line of the load, and the way it gives up.
#pragma once

#include <arpa/inet.h>
#include <getopt.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

[[noreturn, gnu::format(printf, 1, 2)]] inline void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::fputs("load: ", stderr);
  std::vfprintf(stderr, format, arguments);
  std::fputc('\n', stderr);
  va_end(arguments);
  std::exit(1);
}

// What a message looks like.
enum class Framing { kNone, kLines, kInt32 };

struct Options {
  std::string host = "127.0.0.1";
  int port = 0;
  unsigned connections = 50;
  std::uint64_t size = 64;
  unsigned pipeline = 1;
  double seconds = 1;
  double warmup = 0.2;
  Framing framing = Framing::kNone;
  bool churn = false;
  bool idle = false;
  bool silent = false;  // of the idle ones: they ask nothing
  bool verify = false;
  pid_t serverPid = 0;
  std::vector<int> cores;
};

inline std::vector<int> numbers(const char* list) {
  std::vector<int> values;
  std::stringstream stream(list);
  for (std::string item; std::getline(stream, item, ',');) values.push_back(std::atoi(item.c_str()));
  return values;
}

inline Framing framingNamed(const std::string& name) {
  if (name == "lines") return Framing::kLines;
  if (name == "int32") return Framing::kInt32;
  fail("--framing takes lines or int32, not %s", name.c_str());
}

inline Options parseOptions(int argc, char** argv) {
  const option known[] = {
      {"host", required_argument, nullptr, 'h'},
      {"port", required_argument, nullptr, 'p'},
      {"connections", required_argument, nullptr, 'n'},
      {"size", required_argument, nullptr, 'b'},
      {"pipeline", required_argument, nullptr, 'P'},
      {"seconds", required_argument, nullptr, 's'},
      {"warmup", required_argument, nullptr, 'w'},
      {"framing", required_argument, nullptr, 'f'},
      {"churn", no_argument, nullptr, 'c'},
      {"idle", required_argument, nullptr, 'i'},
      {"silent", no_argument, nullptr, 'S'},
      {"verify", no_argument, nullptr, 'v'},
      {"server-pid", required_argument, nullptr, 'q'},
      {"cores", required_argument, nullptr, 'C'},
      {nullptr, 0, nullptr, 0},
  };
  Options options;
  for (int c; (c = getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    if (c == 'h') options.host = optarg;
    if (c == 'p') options.port = std::atoi(optarg);
    if (c == 'n') options.connections = static_cast<unsigned>(std::atoi(optarg));
    if (c == 'b') options.size = std::strtoull(optarg, nullptr, 10);
    if (c == 'P') options.pipeline = static_cast<unsigned>(std::atoi(optarg));
    if (c == 's') options.seconds = std::atof(optarg);
    if (c == 'w') options.warmup = std::atof(optarg);
    if (c == 'f') options.framing = framingNamed(optarg);
    if (c == 'c') options.churn = true;
    if (c == 'i') options.idle = true, options.connections = static_cast<unsigned>(std::atoi(optarg));
    if (c == 'S') options.silent = true;
    if (c == 'v') options.verify = true;
    if (c == 'q') options.serverPid = std::atoi(optarg);
    if (c == 'C') options.cores = numbers(optarg);
    if (c == '?') std::exit(2);
  }
  in_addr address{};
  if (inet_pton(AF_INET, options.host.c_str(), &address) != 1 || ntohl(address.s_addr) >> 24 != 127) {
    fail("--host must be a loopback address: this never loads anything else");
  }
  if (options.port <= 0 || options.port > 65535) fail("--port is needed");
  if (options.connections == 0 || options.size == 0 || options.pipeline == 0) {
    fail("--connections, --size and --pipeline must be at least 1");
  }
  if (options.framing != Framing::kNone && (options.size < 4 || options.size > 64 * 1024)) {
    fail("a framed message has 4 to 65536 bytes");
  }
  if (options.churn) options.pipeline = 1;
  return options;
}
