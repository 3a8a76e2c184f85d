# Run at the end of an installation of the component `bundle`: brings what the installed program needs of other packages
# but glibc, so that it runs without them. BUNDLE_* are set by cmake/Packages.cmake.
set(prefix "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")

# The program's rpath is one that holds for libraries of libraries, too (DT_RPATH): all find each other in lib/.
file(
  GET_RUNTIME_DEPENDENCIES
  EXECUTABLES ${BUNDLE_PROGRAM}
  LIBRARIES ${BUNDLE_LIBRARIES}
  MODULES ${BUNDLE_PLUGINS} ${BUNDLE_OPENED}
  RESOLVED_DEPENDENCIES_VAR needed
  UNRESOLVED_DEPENDENCIES_VAR missing
  PRE_EXCLUDE_REGEXES "^libflowrun" "^ld-linux"
                      "^lib(c|m|mvec|dl|rt|util|pthread|resolv|anl|nsl|thread_db|nss_.*|BrokenLocale)\\.so")
if(missing)
  message(FATAL_ERROR "These libraries are needed, and not found: ${missing}")
endif()
file(MAKE_DIRECTORY ${prefix}/lib ${prefix}/share/doc/flowrun/licences)
set(files ${BUNDLE_HEADERS} ${BUNDLE_INSTALLED})
foreach(library ${needed} ${BUNDLE_OPENED})
  file(REAL_PATH ${library} file)
  get_filename_component(name ${library} NAME)  # the name that it is asked for by
  file(COPY_FILE ${file} ${prefix}/lib/${name})
  file(CHMOD ${prefix}/lib/${name} PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  list(APPEND files ${file})
endforeach()

# GdkPixbuf, by which OpenSlide 3 reads BMP, finds its loaders in a list. A name without a folder is found in lib/.
if(BUNDLE_LOADERS)
  execute_process(COMMAND ${BUNDLE_QUERY_LOADERS} ${BUNDLE_LOADERS} OUTPUT_VARIABLE list COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "\"/[^\"]*/" "\"" list "${list}")
  string(REGEX REPLACE "#[^\n]*\n" "" list "${list}")
  file(WRITE ${prefix}/share/flowrun/gdk-pixbuf.loaders "${list}")
endif()

# Headers that those of the SDK and the stages with models include, and who wrote all of it.
foreach(folder ${BUNDLE_HEADERS})
  string(REGEX REPLACE "^/usr/include/" "" name ${folder})
  get_filename_component(above include/bundled/${name} DIRECTORY)
  file(COPY ${folder} DESTINATION ${prefix}/${above})
endforeach()
set(packages)
foreach(file ${files})
  # What is below /usr/lib may be known as below /lib.
  string(REGEX REPLACE "^/usr/lib/" "/lib/" other ${file})
  execute_process(COMMAND dpkg-query -S ${file} ${other} OUTPUT_VARIABLE owner ERROR_QUIET)
  string(REGEX MATCH "^[^:, \n]+" package "${owner}")
  if(NOT package)
    message(FATAL_ERROR "No Debian package has ${file}, so its licence is not known")
  endif()
  list(APPEND packages ${package})
endforeach()
list(REMOVE_DUPLICATES packages)
list(SORT packages)
set(listed "flowrun-${BUNDLE_VERSION}: Apache-2.0, see LICENSE\n\nBrought along, from Debian, with the copyright files of its packages:\n\n")
foreach(package ${packages})
  execute_process(COMMAND dpkg-query -W -f "\${Package} \${Version}, source \${source:Package} \${source:Version}" ${package}
                  OUTPUT_VARIABLE line COMMAND_ERROR_IS_FATAL ANY)
  file(REAL_PATH /usr/share/doc/${package}/copyright copyright)
  file(COPY_FILE ${copyright} ${prefix}/share/doc/flowrun/licences/${package})
  string(APPEND listed "licences/${package}: ${line}\n")
endforeach()
file(WRITE ${prefix}/share/doc/flowrun/LICENCES "${listed}")
