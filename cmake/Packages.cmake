# What flowrun is given away as: `cpack -G TZST` packs a folder that runs wherever it is unpacked, `cpack -G DEB`
# packages of Debian. Components:
#   program  the program, the core and the slide stages     dev     headers, CMake package, templates
#   torch    the stages with models                         bundle  what the program needs of others, for the folder
#   view     `flowrun view`, where the plugin is built
set(packaged program torch dev)
set(bundled_plugins $<TARGET_FILE:flowrun_plugin_wsi>)
if("view" IN_LIST FLOWRUN_PLUGINS)
  list(APPEND packaged view)
  list(APPEND bundled_plugins $<TARGET_FILE:flowrun_plugin_view>)
  set(bundled_page ${FLOWRUN_LEAFLET}/leaflet.js ${FLOWRUN_LEAFLET}/leaflet.css)
endif()
find_library(FLOWRUN_TBBMALLOC libtbbmalloc.so.2)  # which TBB opens, where it is
find_program(FLOWRUN_QUERY_LOADERS gdk-pixbuf-query-loaders
             PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/gdk-pixbuf-2.0)
file(GLOB loaders /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/gdk-pixbuf-2.0/*/loaders/libpixbufloader-bmp.so)
if(NOT FLOWRUN_QUERY_LOADERS)
  set(loaders)
endif()
set(opened ${loaders})
if(FLOWRUN_TBBMALLOC)
  list(APPEND opened ${FLOWRUN_TBBMALLOC})
endif()
find_path(FLOWRUN_FMT_INCLUDE fmt/format.h)
find_path(FLOWRUN_JSON_INCLUDE nlohmann/json.hpp)
set(bundled_headers ${FLOWRUN_FMT_INCLUDE}/fmt ${FLOWRUN_JSON_INCLUDE}/nlohmann)
foreach(header core core.hpp imgproc imgproc.hpp opencv_modules.hpp)
  foreach(folder ${OpenCV_INCLUDE_DIRS})
    if(EXISTS ${folder}/opencv2/${header})
      list(APPEND bundled_headers ${folder}/opencv2/${header})
    endif()
  endforeach()
endforeach()
install(CODE "set(BUNDLE_VERSION ${PROJECT_VERSION})
set(BUNDLE_PROGRAM $<TARGET_FILE:flowrun>)
set(BUNDLE_LIBRARIES $<TARGET_FILE:flowrun_core> $<TARGET_FILE:flowrun_wsi>)
set(BUNDLE_PLUGINS ${bundled_plugins})
set(BUNDLE_INSTALLED ${bundled_page})
set(BUNDLE_OPENED ${opened})
set(BUNDLE_LOADERS ${loaders})
set(BUNDLE_QUERY_LOADERS ${FLOWRUN_QUERY_LOADERS})
set(BUNDLE_HEADERS ${bundled_headers})
include(${PROJECT_SOURCE_DIR}/cmake/Bundle.cmake)" COMPONENT bundle EXCLUDE_FROM_ALL)
foreach(package fmt nlohmann_json OpenCV)
  install(DIRECTORY cmake/bundled/${package} DESTINATION lib/cmake COMPONENT bundle EXCLUDE_FROM_ALL)
endforeach()
install(FILES LICENSE DESTINATION share/doc/flowrun COMPONENT bundle EXCLUDE_FROM_ALL)

# The manual page, of the descriptions that --help prints; and completion by bash, which asks --help.
set(manual ${CMAKE_BINARY_DIR}/flowrun.1.gz)
set(asked ${FLOWRUN_PLUGINS})  # for the commands that they bring
list(TRANSFORM asked PREPEND flowrun_plugin_)
add_custom_command(
  OUTPUT ${manual}
  COMMAND flowrun man > ${CMAKE_BINARY_DIR}/flowrun.1
  COMMAND gzip -9nf ${CMAKE_BINARY_DIR}/flowrun.1
  DEPENDS flowrun ${asked})
add_custom_target(manual ALL DEPENDS ${manual})
install(FILES ${manual} DESTINATION share/man/man1 COMPONENT program)
install(FILES cli/completion.bash DESTINATION share/bash-completion/completions RENAME flowrun COMPONENT program)

# Debian's packages. In /usr libraries are found without paths of our own.
set(program_files bin/flowrun lib/libflowrun.so.${PROJECT_VERSION} lib/libflowrun_wsi.so.${PROJECT_VERSION}
                  lib/flowrun/wsi.so)
set(torch_files lib/libflowrun_torch.so.${PROJECT_VERSION} lib/flowrun/torch.so)
set(view_files lib/flowrun/view.so)
set(view_package flowrun-view)
set(program_package flowrun)
set(torch_package flowrun-torch)
set(dev_package flowrun-dev)
set(package_maintainer "The authors of flowrun <flowrun@packages.invalid>")
configure_file(cmake/debian/changelog.in debian/changelog)
execute_process(COMMAND gzip -9nc ${CMAKE_BINARY_DIR}/debian/changelog OUTPUT_FILE ${CMAKE_BINARY_DIR}/debian/changelog.gz
                COMMAND_ERROR_IS_FATAL ANY)
foreach(component ${packaged})
  install(FILES cmake/debian/copyright ${CMAKE_BINARY_DIR}/debian/changelog.gz
          DESTINATION share/doc/${${component}_package} COMPONENT ${component})
  list(JOIN ${component}_files " " files)
  install(CODE "if(CMAKE_INSTALL_PREFIX STREQUAL \"/usr\")
  foreach(file ${files})
    file(REAL_PATH \"\$ENV{DESTDIR}/usr/\${file}\" file)
    file(RPATH_REMOVE FILE \"\${file}\")
  endforeach()
endif()" COMPONENT ${component})
endforeach()

set(CPACK_PACKAGE_NAME flowrun)
set(CPACK_PACKAGE_FILE_NAME flowrun-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_ARCHIVE_FILE_NAME ${CPACK_PACKAGE_FILE_NAME})
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)
set(CPACK_COMPONENTS_ALL ${packaged})
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SOURCE flowrun)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${package_maintainer}")
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
foreach(component PROGRAM TORCH)
  set(CPACK_DEBIAN_${component}_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/cmake/debian/triggers)
endforeach()
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_BINARY_DIR}/lib)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME flowrun)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "flowrun-torch, flowrun-view, flowrun-dev, graphviz")
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION "dataflow for whole-slide images, in bounded memory
Turns whole-slide images into tissue masks, tiles and stain-normalised tiles,
as a graph of stages in a YAML file says.")
set(CPACK_DEBIAN_TORCH_PACKAGE_NAME flowrun-torch)
set(CPACK_DEBIAN_TORCH_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TORCH_PACKAGE_DEPENDS "flowrun (= ${PROJECT_VERSION}), plplot-driver-cairo")
set(CPACK_DEBIAN_TORCH_PACKAGE_RECOMMENDS libopenblas0-openmp)
set(CPACK_DEBIAN_TORCH_DESCRIPTION "training and prediction for flowrun
The stages of flowrun that train networks on tiles, and predict with them.")
set(CPACK_DEBIAN_VIEW_PACKAGE_NAME flowrun-view)
set(CPACK_DEBIAN_VIEW_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_VIEW_PACKAGE_DEPENDS "flowrun (= ${PROJECT_VERSION}), libjs-leaflet")
set(CPACK_DEBIAN_VIEW_DESCRIPTION "slides and results in the browser, for flowrun
The command flowrun view, which shows slides and what runs of flowrun made of
them.")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME flowrun-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "flowrun (= ${PROJECT_VERSION}), libopencv-core-dev, libopencv-imgproc-dev")
set(CPACK_DEBIAN_DEV_PACKAGE_RECOMMENDS "cmake, g++")
set(CPACK_DEBIAN_DEV_DESCRIPTION "headers and CMake package for plugins of flowrun
What plugins are built with that bring stages of their own to flowrun's graphs.")
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/PackageKinds.cmake)
include(CPack)
