# flowrun_hash_headers(FILE): makes FILE, a header with the hash of all headers of the SDK, included or not: those that
# the global property FLOWRUN_HEADERS names.
function(flowrun_hash_headers file)
  get_property(headers GLOBAL PROPERTY FLOWRUN_HEADERS)
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/FlowrunHeadersHash.cmake)
  add_custom_command(
    OUTPUT ${file}
    COMMAND ${CMAKE_COMMAND} -D "HEADERS=${headers}" -D FILE=${file} -P ${script}
    DEPENDS ${headers} ${script}
    VERBATIM)
endfunction()

# flowrun_add_plugin(NAME SOURCE...): a plugin library NAME.so with its list NAME.json beside it, and (after
# enable_testing()) a test that opens it and makes each of its nodes. FLOWRUN_PLUGIN_OUTPUT says where both are put;
# lib/flowrun in the build folder, if not set. Link what it needs with
# target_link_libraries(flowrun_plugin_NAME PRIVATE ...).
function(flowrun_add_plugin name)
  set(target flowrun_plugin_${name})
  if(NOT FLOWRUN_PLUGIN_OUTPUT)
    set(FLOWRUN_PLUGIN_OUTPUT ${CMAKE_BINARY_DIR}/lib/flowrun)
  endif()
  add_library(${target} MODULE ${ARGN})
  target_link_libraries(${target} PRIVATE flowrun::core)
  set(hash_file ${CMAKE_CURRENT_BINARY_DIR}/${target}_headers_hash.h)
  flowrun_hash_headers(${hash_file})
  target_sources(${target} PRIVATE ${hash_file})
  target_compile_definitions(${target} PRIVATE FLOWRUN_HEADERS_HASH_FILE="${hash_file}")
  set_target_properties(
    ${target}
    PROPERTIES PREFIX "" OUTPUT_NAME ${name} LIBRARY_OUTPUT_DIRECTORY ${FLOWRUN_PLUGIN_OUTPUT}
               INSTALL_RPATH "$ORIGIN/.." INSTALL_RPATH_USE_LINK_PATH ON)
  add_custom_command(
    TARGET ${target}
    POST_BUILD
    COMMAND flowrun::flowrun plugins --describe $<TARGET_FILE:${target}> >
            $<TARGET_FILE_DIR:${target}>/${name}.json
    VERBATIM)
  add_dependencies(${target} flowrun::flowrun)
  add_test(NAME ${target} COMMAND flowrun::flowrun plugins --check $<TARGET_FILE:${target}>)
endfunction()
