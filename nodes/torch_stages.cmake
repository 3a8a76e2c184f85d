# What the stages with models share, and these stages, against flowrun::wsi: of this tree, or where it is installed
# (plugins/torch). Torch's headers are slow to compile: few files include them, and those share a precompiled one.
get_filename_component(tree ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
file(GLOB torch_sources CONFIGURE_DEPENDS ${tree}/nodes/torch/*.cpp)
add_library(flowrun_torch SHARED ${torch_sources})
add_library(flowrun::torch ALIAS flowrun_torch)
set_target_properties(flowrun_torch PROPERTIES EXPORT_NAME torch ${flowrun_soname})
target_include_directories(
  flowrun_torch PUBLIC $<BUILD_INTERFACE:${tree}/nodes/torch/include> $<INSTALL_INTERFACE:include>
                       $<BUILD_INTERFACE:${tree}>)
# torch comes last: beside the headers of PyTorch's wheels lie those of another fmt.
target_link_libraries(
  flowrun_torch
  PRIVATE warnings fmt::fmt nlohmann_json::nlohmann_json gomp
  PUBLIC flowrun::wsi torch)
# Whether libtorch has CUDA is what its own CMake package says: headers of CUDA may lie beside one without.
if(TARGET torch_cuda)
  target_compile_definitions(flowrun_torch PRIVATE FLOWRUN_TORCH_CUDA)
endif()
# Several processes train together through Gloo, which is in most libtorches; its headers may be missing.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES torch)
set(CMAKE_REQUIRED_DEFINITIONS -DUSE_C10D_GLOO)
check_cxx_source_compiles(
  "#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
   int main() { return c10d::ProcessGroupGloo::createDefaultDevice() ? 0 : 1; }"
  FLOWRUN_TORCH_HAS_GLOO)
unset(CMAKE_REQUIRED_LIBRARIES)
unset(CMAKE_REQUIRED_DEFINITIONS)
if(FLOWRUN_TORCH_HAS_GLOO)
  foreach(source rank_beats rank_group rank_store)
    set_source_files_properties(${tree}/nodes/torch/${source}.cpp PROPERTIES COMPILE_DEFINITIONS
                                                                             "FLOWRUN_TORCH_GLOO;USE_C10D_GLOO")
  endforeach()
else()
  message(STATUS "Gloo and its headers (Debian: libgloo-dev) are not found: one process trains a model")
endif()
set(torch_common_headers <algorithm> <array> <cmath> <filesystem> <fmt/format.h> <functional> <map> <memory> <mutex>
                         <optional> <set> <string> <vector> <opencv2/core.hpp> <ATen/ATen.h>)
target_precompile_headers(flowrun_torch PRIVATE ${torch_common_headers} <torch/csrc/autograd/autograd.h>)

set(torch_stage_sources)
foreach(stage trainer mil bags embed export predict predict_mil read_features save_features segment to_tensor train train_mil)
  file(GLOB sources CONFIGURE_DEPENDS ${tree}/nodes/${stage}/*.cpp)
  list(APPEND torch_stage_sources ${sources})
endforeach()
add_library(torch_nodes STATIC ${torch_stage_sources})
target_include_directories(torch_nodes PUBLIC ${tree})
target_link_libraries(
  torch_nodes
  PRIVATE warnings fmt::fmt nlohmann_json::nlohmann_json
  PUBLIC flowrun_torch)
# Pictures of a training are drawn where there is PLplot.
if(NOT PLPLOT_FOUND)
  foreach(source picture curves judged_pictures)
    set_source_files_properties(${tree}/nodes/trainer/${source}.cpp PROPERTIES HEADER_FILE_ONLY ON)
  endforeach()
else()
  target_link_libraries(torch_nodes PRIVATE PkgConfig::PLPLOT)
  target_compile_definitions(torch_nodes PUBLIC FLOWRUN_PLPLOT)
endif()
target_precompile_headers(torch_nodes PRIVATE ${torch_common_headers})
install(TARGETS flowrun_torch EXPORT flowrun_torch LIBRARY DESTINATION lib COMPONENT torch)
