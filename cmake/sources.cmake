# The sources of this platform, by part, from native/sources.json (binding.gyp reads the same file):
#
#   SKEIN_ENGINE_SOURCES   the engine, without Node
#   SKEIN_ADDON_SOURCES    what ties it to Node

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS native/sources.json)
file(READ native/sources.json SOURCES_JSON)

# Appends the files of the groups that are named to `list`.
function(append_sources list)
  foreach(group ${ARGN})
    string(JSON count LENGTH "${SOURCES_JSON}" ${group})
    if(count GREATER 0)
      math(EXPR last "${count} - 1")
      foreach(i RANGE ${last})
        string(JSON file GET "${SOURCES_JSON}" ${group} ${i})
        list(APPEND ${list} ${file})
      endforeach()
    endif()
  endforeach()
  set(${list} ${${list}} PARENT_SCOPE)
endfunction()

append_sources(SKEIN_ENGINE_SOURCES engine)
append_sources(SKEIN_ADDON_SOURCES addon)
if(WIN32)
  append_sources(SKEIN_ENGINE_SOURCES windows)
  append_sources(SKEIN_ADDON_SOURCES addon_windows)
else()
  append_sources(SKEIN_ENGINE_SOURCES posix)
  append_sources(SKEIN_ADDON_SOURCES addon_posix)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  append_sources(SKEIN_ENGINE_SOURCES linux)
elseif(APPLE OR CMAKE_SYSTEM_NAME MATCHES "BSD|DragonFly")
  append_sources(SKEIN_ENGINE_SOURCES kqueue bsd)
endif()
if(SKEIN_LIBKQUEUE)
  append_sources(SKEIN_ENGINE_SOURCES kqueue)
endif()
