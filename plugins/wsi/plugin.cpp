// SPDX-License-Identifier: Apache-2.0
#include <flowrun/plugin.h>
#include <fmt/format.h>
#include <openslide/openslide.h>
#include <stdlib.h>

#include <boost/dll/runtime_symbol_info.hpp>
#include <filesystem>
#include <opencv2/core/utility.hpp>

#include "nodes/augment/augment.h"
#include "nodes/collect/collect.h"
#include "nodes/collect/collect_command.h"
#include "nodes/combine/combine.h"
#include "nodes/detect/detect.h"
#include "nodes/epochs/epochs.h"
#include "nodes/extract/extract.h"
#include "nodes/filter/filter.h"
#include "nodes/fit_stains/fit_stains.h"
#include "nodes/index/index.h"
#include "nodes/load/load.h"
#include "nodes/mask/mask.h"
#include "nodes/normalize/normalize.h"
#include "nodes/overlay/overlay.h"
#include "nodes/read/read.h"
#include "nodes/save/save.h"
#include "nodes/save_dzi/save_dzi.h"
#include "nodes/save_geojson/save_geojson.h"
#include "nodes/save_geojson/save_outlines.h"
#include "nodes/save_h5/save_h5.h"
#include "nodes/save_mask/save_mask.h"
#include "nodes/save_predictions/save_predictions.h"
#include "nodes/save_tiff/save_tiff.h"
#include "nodes/separate/separate.h"
#include "nodes/slide_facts/slide_command.h"
#include "nodes/synth/synth_command.h"

namespace {
/// Where flowrun brings GdkPixbuf along, by which OpenSlide 3 reads BMP, this tells it what loaders there
/// are.
void use_own_pixbuf_loaders() {
  const std::filesystem::path library = boost::dll::this_line_location();  // PREFIX/lib/flowrun/wsi.so
  const auto list = library.parent_path().parent_path().parent_path() / "share/flowrun/gdk-pixbuf.loaders";
  if (std::filesystem::exists(list)) setenv("GDK_PIXBUF_MODULE_FILE", list.c_str(), 1);
}
}  // namespace

FLOWRUN_PLUGIN("wsi", FLOWRUN_VERSION, registry) {
  using namespace flowrun::wsi;
  use_own_pixbuf_loaders();
  // OpenCV's own threads would run other packets' work in the middle of a call.
  cv::setNumThreads(1);
  registry.node<Augment>("augment");
  registry.node<Collect>("collect");
  registry.node<Combine>("combine");
  registry.node<Detect>("detect");
  registry.node<Epochs>("epochs");
  registry.node<Extract>("extract");
  registry.node<Filter>("filter");
  registry.node<FitStains>("fit_stains");
  registry.node<Index>("index");
  registry.node<Load>("load");
  registry.node<AnnotationMask>("mask");
  registry.node<Normalize>("normalize");
  registry.node<Overlay>("overlay");
  registry.node<Read>("read");
  registry.node<Save>("save");
  registry.node<SaveDzi>("save_dzi");
  registry.node<SaveGeojson>("save_geojson");
  registry.node<SaveH5>("save_h5");
  registry.node<SaveMask>("save_mask");
  registry.node<SaveOutlines>("save_outlines");
  registry.node<SavePredictions>("save_predictions");
  registry.node<SaveTiff>("save_tiff");
  registry.node<Separate>("separate");
  registry.library(fmt::format("OpenSlide {}", openslide_get_version()))
      .library(fmt::format("OpenCV {}", cv::getVersionString()));
  registry.command(collect_command()).command(slide_command()).command(synth_command());
}
