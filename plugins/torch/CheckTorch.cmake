# Whether libtorch and flowrun can be in one process: said here, as the compiler and the loader say it in riddles.
if(Torch_VERSION AND Torch_VERSION VERSION_LESS 1.13)
  message(FATAL_ERROR "The libtorch in ${Torch_DIR} is ${Torch_VERSION}; the plugin needs 1.13 or later")
endif()
if(TORCH_CXX_FLAGS MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
  message(FATAL_ERROR "The libtorch in ${Torch_DIR} was built with _GLIBCXX_USE_CXX11_ABI=0, the C++ ABI of before 2015, and "
                      "flowrun with 1: neither can pass strings to the other. Take a libtorch with the present ABI: "
                      "Debian's libtorch-dev, a 'cxx11-abi' archive, or a wheel of PyTorch 2.7 or later")
endif()
# By its files: try_run finds its targets only where all that they name are named as well, and wheels name many.
set(torch_files)
foreach(target torch torch_cpu c10)
  if(TARGET ${target})
    get_target_property(file ${target} LOCATION)
    if(file)
      list(APPEND torch_files ${file})
    endif()
  endif()
endforeach()
try_run(
  probe_ended probe_compiled ${CMAKE_BINARY_DIR}/probe SOURCES ${CMAKE_CURRENT_LIST_DIR}/probe.cpp
  CMAKE_FLAGS "-DINCLUDE_DIRECTORIES:STRING=${TORCH_INCLUDE_DIRS}"
  LINK_LIBRARIES flowrun::core ${torch_files}
  CXX_STANDARD 20 CXX_STANDARD_REQUIRED ON
  COMPILE_OUTPUT_VARIABLE probe_compiler_said
  RUN_OUTPUT_VARIABLE probe_said)
if(NOT probe_compiled)
  message(FATAL_ERROR "A program with the libtorch in ${Torch_DIR} and flowrun does not build with ${CMAKE_CXX_COMPILER} "
                      "${CMAKE_CXX_COMPILER_VERSION}:\n${probe_compiler_said}")
elseif(NOT probe_ended EQUAL 0)
  message(FATAL_ERROR "A program with the libtorch in ${Torch_DIR} and flowrun builds, but does not run. Where it says GLIBCXX or "
                      "CXXABI 'not found', that libtorch needs a later libstdc++ than flowrun brings; take one that was "
                      "built for older systems, as PyTorch's wheels are:\n${probe_said}")
endif()
get_target_property(program flowrun::flowrun LOCATION)
execute_process(COMMAND ${program} --version OUTPUT_VARIABLE flowrun_said)
string(REGEX MATCH "gxx-abi[^\n]+" ours "${probe_said}")
string(REGEX MATCH "gxx-abi[^\n]+" theirs "${flowrun_said}")
if(NOT ours OR NOT ours STREQUAL theirs)
  message(FATAL_ERROR "${CMAKE_CXX_COMPILER} ${CMAKE_CXX_COMPILER_VERSION} makes ${ours}, and flowrun is ${theirs}: take the "
                      "compiler that flowrun was built with (libstdcxx12 is g++ 12: -DCMAKE_CXX_COMPILER=g++-12)")
endif()
string(REGEX MATCH "libtorch [^\n]+" torch_said "${probe_said}")
message(STATUS "${torch_said} in ${Torch_DIR}, compiler ${ours}")
