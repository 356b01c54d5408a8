// A test harness of one page.
//
//     TEST("A sentence about behaviour") {
//       CHECK(done);
//       if (!CHECK_EQUAL(got, expected)) return;
//     }
//
// A check that fails prints what it saw and lets the test go on; it is false then, so that a test can end early. The
// executable (main is in test.cc) runs every test, or those whose name contains its first argument, on one thread, and
// exits with 0 when all of them, and at least one, passed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace skein::test {

struct Test {
  const char* name;
  void (*run)();
  Test* next = nullptr;

  Test(const char* sentence, void (*body)());
};

// Tells that a check failed.
void report(const char* file, int line, const std::string& text);
// What each later report of this test says in addition; "" for nothing.
void set_context(std::string context);

// Long strings are told by their size and a hash; equal texts are equal strings.
std::string quoted(std::string_view text);

template <typename Value>
std::string to_text(const Value& value) {
  if constexpr (std::is_same_v<Value, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_enum_v<Value>) {
    return std::to_string(static_cast<std::underlying_type_t<Value>>(value));
  } else if constexpr (std::is_arithmetic_v<Value>) {
    return std::to_string(value);
  } else {
    return quoted(value);
  }
}

template <typename Left, typename Right>
bool equal(const Left& left, const Right& right) {
  if constexpr (std::is_integral_v<Left> && std::is_integral_v<Right> && !std::is_same_v<Left, Right>) {
    return std::cmp_equal(left, right);
  } else {
    return left == right;
  }
}

inline bool check(bool ok, const char* expression, const char* file, int line) {
  if (!ok) report(file, line, std::string("not so: ") + expression);
  return ok;
}

template <typename Got, typename Expected>
bool check_equal(const Got& got, const Expected& expected, const char* expression, const char* file, int line) {
  if (equal(got, expected)) return true;
  report(file, line,
         std::string(expression) + "\n    expected: " + to_text(expected) + "\n    got:      " + to_text(got));
  return false;
}

}  // namespace skein::test

#define SKEIN_JOIN_(a, b) a##b
#define SKEIN_JOIN(a, b) SKEIN_JOIN_(a, b)

#define TEST(sentence)                                                                                    \
  static void SKEIN_JOIN(test_, __LINE__)();                                                              \
  static ::skein::test::Test SKEIN_JOIN(registered_, __LINE__)((sentence), &SKEIN_JOIN(test_, __LINE__)); \
  static void SKEIN_JOIN(test_, __LINE__)()

#define CHECK(condition) ::skein::test::check(static_cast<bool>(condition), #condition, __FILE__, __LINE__)

#define CHECK_EQUAL(got, expected) \
  ::skein::test::check_equal((got), (expected), #got " == " #expected, __FILE__, __LINE__)
