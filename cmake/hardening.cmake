# What makes a memory error in the addon harder to use: canaries on the stack, checked copies, indirect branches that only go
# where functions begin, and a table of imports that is read-only before our code runs. binding.gyp has the same flags;
# scripts/hardening.mjs looks for what they leave in a binary. Sanitizers bring checks of their own.

if(MSVC)
  # /GS, /DYNAMICBASE, /NXCOMPAT and /HIGHENTROPYVA are its defaults.
  add_compile_options(/guard:cf)
  add_link_options(/guard:cf)
  return()
endif()

# With optimisation only: there is nothing to check by otherwise. Some compilers set it themselves.
add_compile_options(-fstack-protector-strong $<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
if(MINGW)
  # gcc links what the canaries need only when it is told of them here, too.
  add_link_options(-fstack-protector-strong LINKER:--nxcompat,--dynamicbase,--high-entropy-va)
elseif(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  add_link_options(LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    add_compile_options(-fcf-protection=full)
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    add_compile_options(-mbranch-protection=standard)
  endif()
endif()
