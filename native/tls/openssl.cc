#include "tls/openssl.h"

#include <mutex>

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#if !defined(__APPLE__)
#include <link.h>
#endif
#endif

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

namespace skein::tls {

OpenSSL openssl;

namespace {

std::string known_majors() {
  std::string text;
  for (const unsigned major : kMajors) text += (text.empty() ? "" : ", ") + std::to_string(major);
  return text;
}

std::string resolve(void* (*find)(const char* name), const std::string& version) {
  OpenSSL table;
#define SKEIN_RESOLVE(result, name, arguments)                     \
  table.name = reinterpret_cast<result(*) arguments>(find(#name)); \
  if (table.name == nullptr) return "this runtime exports no " #name "()";
  SKEIN_OPENSSL_FUNCTIONS(SKEIN_RESOLVE)
#undef SKEIN_RESOLVE
  const auto major = static_cast<unsigned>(table.OpenSSL_version_num() >> 28);
  if (std::ranges::find(kMajors, major) == std::end(kMajors)) {
    return "its OpenSSL has the major version " + std::to_string(major) + ", known is " + known_majors();
  }
  // "OpenSSL 3.0.19 27 Jan 2026", "OpenSSL 3.0.19+quic …"
  const std::string text = table.OpenSSL_version(0);
  if (!version.empty() && text.find(" " + version) == std::string::npos) {
    return "it uses OpenSSL " + version + ", and exports " + text;
  }
  openssl = table;
  return "";
}

}  // namespace

const std::string& load(void* (*find)(const char* name), const std::string& version) {
  static std::once_flag once;
  static std::string reason;
  std::call_once(once, [&] { reason = resolve(find, version); });
  return reason;
}

#if defined(_WIN32)

// The program may be called anything: Electron's is not node.exe.
void* find_in_program(const char* name) {
  return reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(nullptr), name));
}

#else

namespace {

#if defined(__APPLE__)

bool is_of_runtime(void* address) {
  static const void* const runtime = ::dlsym(RTLD_DEFAULT, "napi_create_function");
  Dl_info own;
  Dl_info other;
  return ::dladdr(address, &own) != 0 && ::dladdr(runtime, &other) != 0 && own.dli_fbase == other.dli_fbase;
}

#else

// Where the image lies that has Node-API's functions: the runtime, wherever it lives (libnode.so).
struct Image {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool holds(const void* address) const {
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    return begin <= at && at < end;
  }
};

// By its segments: dladdr() looks through all symbols of the runtime each time.
Image image_of(const void* address) {
  std::pair<const void*, Image> search(address, {});
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* argument) {
        auto& [wanted, found] = *static_cast<std::pair<const void*, Image>*>(argument);
        Image image{UINTPTR_MAX, 0};
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD) continue;
          const auto begin = static_cast<std::uintptr_t>(info->dlpi_addr + segment.p_vaddr);
          image.begin = std::min(image.begin, begin);
          image.end = std::max(image.end, begin + static_cast<std::uintptr_t>(segment.p_memsz));
        }
        if (!image.holds(wanted)) return 0;
        found = image;
        return 1;
      },
      &search);
  return search.second;
}

bool is_of_runtime(void* address) {
  static const Image runtime = image_of(::dlsym(RTLD_DEFAULT, "napi_create_function"));
  return runtime.holds(address);
}

#endif

}  // namespace

void* find_in_program(const char* name) {
  void* const found = ::dlsym(RTLD_DEFAULT, name);
  return found != nullptr && is_of_runtime(found) ? found : nullptr;
}

#endif

}  // namespace skein::tls
