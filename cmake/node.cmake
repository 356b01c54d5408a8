# What an addon needs of Node, as the target `node`: Node-API's headers, libuv's (not on Windows, where nothing of ours
# uses it), and a way for the linker to leave Node's symbols to the host.
#
# node-api-headers is an npm package, looked up from this folder as Node would. libuv's header comes
# with Node itself: SKEIN_NODE_HEADERS names the folder when it is in none of the usual places.

add_library(node INTERFACE)
find_program(NODE node REQUIRED)

# The folder in `property` of the package, in `result`.
function(folder_of package property result)
  execute_process(COMMAND ${NODE} -p "require('${package}').${property}" WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failure)
  if(failure)
    message(FATAL_ERROR "The npm package ${package} is not here: npm install --no-save cmake-js ${package}")
  endif()
  cmake_path(ABSOLUTE_PATH folder BASE_DIRECTORY ${PROJECT_SOURCE_DIR} NORMALIZE)
  set(${result} ${folder} PARENT_SCOPE)
endfunction()

folder_of(node-api-headers include_dir NODE_API_HEADERS)
target_include_directories(node SYSTEM INTERFACE ${NODE_API_HEADERS})
target_compile_definitions(node INTERFACE NODE_GYP_MODULE_NAME=skein NAPI_VERSION=8)

if(NOT WIN32)
  execute_process(COMMAND ${NODE} -p "path.resolve(process.execPath, '../../include/node')"
    OUTPUT_VARIABLE own_headers OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  find_path(SKEIN_NODE_HEADERS uv.h REQUIRED NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH
    PATHS "$ENV{npm_config_nodedir}/include/node" "${own_headers}" /usr/local/include/node /usr/include/node
    DOC "Node's own headers")
  target_include_directories(node SYSTEM INTERFACE ${SKEIN_NODE_HEADERS})
  if(APPLE)
    target_link_options(node INTERFACE LINKER:-undefined,dynamic_lookup)
  endif()
  return()
endif()

# Windows wants an import library. node.exe is loaded late, so that delay_load.cc can say which program it is.
folder_of(node-api-headers def_paths.js_native_api_def JS_NATIVE_API_DEF)
folder_of(node-api-headers def_paths.node_api_def NODE_API_DEF)
set(NODE_DEF ${PROJECT_BINARY_DIR}/node.def)
file(WRITE ${NODE_DEF} "NAME NODE.EXE\nEXPORTS\n")
foreach(part ${JS_NATIVE_API_DEF} ${NODE_API_DEF})
  file(STRINGS ${part} names)
  list(FILTER names EXCLUDE REGEX "^(NAME|LIBRARY|EXPORTS)")
  list(JOIN names "\n" names)
  file(APPEND ${NODE_DEF} "${names}\n")
endforeach()

if(MSVC)
  set(NODE_LIBRARY ${PROJECT_BINARY_DIR}/node.lib)
  set(make_library ${CMAKE_AR} /nologo /def:${NODE_DEF} /out:${NODE_LIBRARY} /machine:${CMAKE_CXX_COMPILER_ARCHITECTURE_ID})
  target_link_libraries(node INTERFACE ${NODE_LIBRARY} delayimp)
  target_link_options(node INTERFACE /DELAYLOAD:NODE.EXE)
else()
  set(NODE_LIBRARY ${PROJECT_BINARY_DIR}/libnode_late.a)
  set(make_library ${CMAKE_DLLTOOL} -d ${NODE_DEF} -D node.exe -y ${NODE_LIBRARY})
  target_link_libraries(node INTERFACE ${NODE_LIBRARY})
endif()
execute_process(COMMAND ${make_library} COMMAND_ERROR_IS_FATAL ANY)
