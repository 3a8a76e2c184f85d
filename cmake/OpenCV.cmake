# flowrun_find_opencv(MODULE...): sets OpenCV_FOUND and OpenCV_INCLUDE_DIRS, and makes opencv_MODULE of each. OpenCV's own
# CMake package is taken where there is one. On Debian that is in libopencv-dev, which brings 340 packages more than
# libopencv-core-dev and libopencv-imgproc-dev do; where only such are installed, their files are found. Paths are the
# same either way, so that nothing is compiled anew when the rest is installed later.
function(flowrun_find_opencv)
  find_package(OpenCV 4 QUIET COMPONENTS ${ARGN})
  if(NOT OpenCV_FOUND)
    find_path(FLOWRUN_OPENCV_INCLUDE opencv2/core.hpp PATH_SUFFIXES opencv4)
    set(OpenCV_INCLUDE_DIRS ${FLOWRUN_OPENCV_INCLUDE})
    set(OpenCV_FOUND ${FLOWRUN_OPENCV_INCLUDE})
    foreach(module ${ARGN})
      find_library(FLOWRUN_OPENCV_${module} opencv_${module})
      if(NOT FLOWRUN_OPENCV_${module})
        set(OpenCV_FOUND FALSE)
      elseif(NOT TARGET opencv_${module})
        file(REAL_PATH ${FLOWRUN_OPENCV_${module}} library)
        add_library(opencv_${module} SHARED IMPORTED GLOBAL)
        set_target_properties(opencv_${module} PROPERTIES IMPORTED_LOCATION ${library})
      endif()
    endforeach()
  endif()
  set(OpenCV_FOUND ${OpenCV_FOUND} PARENT_SCOPE)
  set(OpenCV_INCLUDE_DIRS ${OpenCV_INCLUDE_DIRS} PARENT_SCOPE)
endfunction()
