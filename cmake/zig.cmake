# Cross-compiles with zig, which brings the headers and C libraries of every platform (and statically linked libc++):
#
#   cmake -DCMAKE_TOOLCHAIN_FILE=cmake/zig.cmake -DSKEIN_ZIG=<the zig program> -DSKEIN_ZIG_TARGET=x86_64-linux-gnu.2.17
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

# What CMake would find out by trials. It links programs for that, and zig compiles a libc++ for each kind of program.
set(CMAKE_CXX_COMPILER_ID_RUN TRUE)
set(CMAKE_CXX_COMPILER_FORCED TRUE)
set(CMAKE_CXX_COMPILER_ID Clang)
set(CMAKE_CXX_COMPILER_VERSION 17.0.3)
set(CMAKE_CXX_COMPILER_FRONTEND_VARIANT GNU)
set(CMAKE_CXX_STANDARD_COMPUTED_DEFAULT 17)
set(CMAKE_HAVE_PTHREAD_H TRUE)
set(CMAKE_HAVE_LIBC_PTHREAD TRUE)
