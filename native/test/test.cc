#include "test/test.h"

#include <chrono>
#include <cstdio>
#include <functional>

namespace skein::test {

namespace {

constexpr int kReportsPerTest = 10;

Test* first = nullptr;
Test** last = &first;
int failures = 0;
std::string context;

bool run(const Test& test) {
  failures = 0;
  context.clear();
  const auto began = std::chrono::steady_clock::now();
  test.run();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  std::printf("%s - %s (%lld ms)\n", failures == 0 ? "ok" : "FAILED", test.name, static_cast<long long>(took.count()));
  std::fflush(stdout);
  return failures == 0;
}

int run_all(std::string_view part) {
  int passed = 0;
  int failed = 0;
  for (const Test* test = first; test != nullptr; test = test->next) {
    if (std::string_view(test->name).find(part) == std::string_view::npos) continue;
    ++(run(*test) ? passed : failed);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace

Test::Test(const char* sentence, void (*body)()) : name(sentence), run(body) {
  *last = this;
  last = &next;
}

void report(const char* file, int line, const std::string& text) {
  if (++failures > kReportsPerTest) return;
  std::printf("  %s:%d: %s\n", file, line, text.c_str());
  if (!context.empty()) std::printf("    where: %s\n", context.c_str());
  if (failures == kReportsPerTest) std::printf("  (no more is told about this test)\n");
  std::fflush(stdout);
}

void set_context(std::string text) {
  context = std::move(text);
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 60;
  std::string out = "\"";
  for (const char c : text.substr(0, kShown)) {
    if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      char escaped[5];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
      out += escaped;
    }
  }
  out += '"';
  if (text.size() > kShown) {
    out += "... (" + std::to_string(text.size()) + " bytes, hash " +
           std::to_string(std::hash<std::string_view>{}(text)) + ")";
  }
  return out;
}

}  // namespace skein::test

int main(int count, char** arguments) {
  return skein::test::run_all(count > 1 ? arguments[1] : "");
}
