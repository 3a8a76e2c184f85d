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
