# Cross-compiles with zig, which brings the headers and C libraries of every platform (and statically linked libc++):
#
#   cmake -DCMAKE_TOOLCHAIN_FILE=cmake/zig.cmake -DSKEIN_ZIG=<the zig program> -DSKEIN_ZIG_TARGET=x86_64-linux-gnu.2.17
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SKEIN_ZIG SKEIN_ZIG_TARGET)

string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR "${SKEIN_ZIG_TARGET}")
if(SKEIN_ZIG_TARGET MATCHES "-macos")
  set(CMAKE_SYSTEM_NAME Darwin)
  # CMake wants one and needs none: nothing is installed.
  set(CMAKE_INSTALL_NAME_TOOL ${CMAKE_COMMAND})
  # This zig does not know CMake's -bundle.
  set(CMAKE_MODULE_LINKER_FLAGS_INIT -shared)
else()
  set(CMAKE_SYSTEM_NAME Linux)
endif()

set(CMAKE_CXX_COMPILER ${SKEIN_ZIG} c++ -target ${SKEIN_ZIG_TARGET})
