{
  # The sources stand in native/sources.json, which CMakeLists.txt reads too.
  # SKEIN_LIBKQUEUE, in the environment: where libkqueue is installed; adds kqueue on Linux, for tests.
  "variables": { "libkqueue": "<!(node -p \"process.env.SKEIN_LIBKQUEUE || ''\")" },
  "targets": [
    {
      "target_name": "skein",
      "sources": ["<!@(node -p \"const s = require('./native/sources.json'), p = process.platform; [...s.engine, ...s.addon, ...(p === 'win32' ? s.windows : [...s.posix, ...s.addon_posix]), ...(p === 'linux' ? s.linux : []), ...(/darwin|bsd/.test(p) ? [...s.kqueue, ...s.bsd] : [])].join(' ')\")"],
      "include_dirs": ["native"],
      "defines": ["NAPI_VERSION=8"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-O2", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Wconversion"],
      "xcode_settings": { "CLANG_CXX_LANGUAGE_STANDARD": "c++20", "MACOSX_DEPLOYMENT_TARGET": "11.0", "GCC_SYMBOLS_PRIVATE_EXTERN": "YES", "OTHER_CFLAGS": ["-fstack-protector-strong"] },
      "msvs_settings": {
        "VCCLCompilerTool": { "AdditionalOptions": ["/std:c++20", "/guard:cf"] },
        "VCLinkerTool": { "AdditionalOptions": ["/guard:cf"] }
      },
      "conditions": [
        # As cmake/hardening.cmake, which says what for.
        ["OS!='win'", { "cflags_cc": ["-fstack-protector-strong", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"] }],
        ["OS=='linux'", { "ldflags": ["-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"] }],
        ["OS=='linux' and target_arch=='x64'", { "cflags_cc": ["-fcf-protection=full"] }],
        ["OS=='linux' and target_arch=='arm64'", { "cflags_cc": ["-mbranch-protection=standard"] }],
        ["OS=='win'", {
          "defines": ["WIN32_LEAN_AND_MEAN", "NOMINMAX", "_WIN32_WINNT=0x0A00"],
          "libraries": ["ws2_32.lib", "mswsock.lib", "iphlpapi.lib"]
        }],
        ["libkqueue!=''", {
          "sources": ["<!@(node -p \"require('./native/sources.json').kqueue.join(' ')\")"],
          "defines": ["SKEIN_LIBKQUEUE"],
          "include_dirs": ["<(libkqueue)/include/kqueue"],
          "libraries": ["-L<(libkqueue)/lib", "-lkqueue", "-Wl,-rpath,<(libkqueue)/lib"]
        }]
      ]
    }
  ]
}
