# fmt as flowrun brings it along.
get_filename_component(_fmt_prefix ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
if(NOT TARGET fmt::fmt)
  file(GLOB _fmt_library ${_fmt_prefix}/lib/libfmt.so.*)
  add_library(fmt::fmt SHARED IMPORTED)
  set_target_properties(fmt::fmt PROPERTIES IMPORTED_LOCATION ${_fmt_library}
                        INTERFACE_COMPILE_DEFINITIONS FMT_SHARED
                        INTERFACE_INCLUDE_DIRECTORIES ${_fmt_prefix}/include/bundled)
endif()
