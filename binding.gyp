{
  # The sources stand in native/sources.json, which CMakeLists.txt reads too.
  # SKEIN_LIBKQUEUE, in the environment: where libkqueue is installed; adds kqueue on Linux, for tests.
  "variables": { "libkqueue": "<!(node -p \"process.env.SKEIN_LIBKQUEUE || ''\")" },
  "targets": [
    {
      "target_name": "skein",
      "sources": ["<!@(node -p \"const s = require('./native/sources.json'); [...s.engine, ...(process.platform === 'win32' ? [] : s.posix), ...(process.platform === 'linux' ? s.linux : []), ...(/darwin|bsd/.test(process.platform) ? s.bsd : []), ...s.addon].join(' ')\")"],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "conditions": [["libkqueue!=''", {
        "sources": ["native/backend/selector/kqueue.cc"],
        "defines": ["SKEIN_LIBKQUEUE"],
        "include_dirs": ["<(libkqueue)/include/kqueue"],
        "libraries": ["-L<(libkqueue)/lib", "-lkqueue", "-Wl,-rpath,<(libkqueue)/lib"]
      }]],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-O2", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Wconversion"],
      "xcode_settings": { "CLANG_CXX_LANGUAGE_STANDARD": "c++20", "MACOSX_DEPLOYMENT_TARGET": "11.0", "GCC_SYMBOLS_PRIVATE_EXTERN": "YES" }
    }
  ]
}
