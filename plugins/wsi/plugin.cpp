// SPDX-License-Identifier: Apache-2.0
#include <flowrun/plugin.h>

#include <opencv2/core/utility.hpp>

#include "nodes/detect/detect.h"
#include "nodes/extract/extract.h"
#include "nodes/mask/mask.h"
#include "nodes/read/read.h"
#include "nodes/save/save.h"
#include "nodes/slide/slide_command.h"
#include "nodes/synth/synth_command.h"

FLOWRUN_PLUGIN("wsi", FLOWRUN_VERSION, registry) {
  using namespace flowrun::wsi;
  // OpenCV's own threads would run other packets' work in the middle of a call.
  cv::setNumThreads(1);
  // One a line, by name.
  // clang-format off
  registry
      .node<Detect>("detect")
      .node<Extract>("extract")
      .node<AnnotationMask>("mask")
      .node<Read>("read")
      .node<Save>("save");
  // clang-format on
  registry.command(slide_command()).command(synth_command());
}
