// SPDX-License-Identifier: Apache-2.0
#include "save_features.h"

#include <ATen/ATen.h>
#include <flowrun/torch/features.h>
#include <fmt/format.h>

#include <array>
#include <span>

#include "anndata.h"
#include "nodes/base/out_file.h"
#include "nodes/mil/feature_files.h"
#include "nodes/slide/coords_layout.h"
#include "nodes/table/h5_file.h"
#include "nodes/table/slide_names.h"
#include "nodes/torch/pickle_file.h"

namespace flowrun::torch_nodes {
namespace {

using wsi::Float16, wsi::H5Type, wsi::H5Writer, wsi::OutFile, wsi::TileShape;

constexpr const char* coords = "coords";

/// What the dataset of features is called.
const char* dataset_of(const std::string& layout) {
  return layout == "h5ad" ? "X" : layout == "stamp" ? "feats" : "features";
}

/// The lowest version of STAMP that reads what is written here.
constexpr const char* stamp_version = "2.0.0";

std::span<const std::uint8_t> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::uint8_t*>(tensor.data_ptr()), tensor.nbytes()};
}

/// The files of one slide, made with its first tiles.
struct SlideFiles {
  std::optional<H5Writer> h5;
  std::optional<TileShape> shape;
  std::shared_ptr<const wsi::SlideFacts> slide;
  std::int64_t rows = 0, dimensions = 0;
  std::filesystem::path pt;      // CLAM's tensor; empty: none
  std::optional<OutFile> plain;  // its numbers meanwhile, so that they need not be in memory

  std::filesystem::path plain_path() const { return pt.string() + ".numbers"; }
};

std::string file_in(const std::string& layout, const std::string& stem) {
  return (layout == "clam" ? "h5_files/" : "") + stem + (layout == "h5ad" ? ".h5ad" : ".h5");
}

/// Without the rows.
void create(const SaveFeatures& options, bool halves, const Features& features, const Scope& scope,
            SlideFiles& files) {
  const wsi::SlideFacts& slide = *features.like.slide;
  const bool clam = options.layout == "clam", stamp = options.layout == "stamp";
  const char* const name = dataset_of(options.layout);
  const std::string stem =
      options.layout == "trident" ? wsi::trident_name(scope.name(), slide.path.string()) : scope.name();
  files.dimensions = features.values.size(1);
  files.h5.emplace(scope.stage(options.dir, file_in(options.layout, stem)));
  if (options.layout == "h5ad") return begin_anndata(features, stem, *files.h5);
  // TRIDENT writes chunks of one row.
  const std::size_t chunk = options.layout == "trident" ? 1 : 32;
  files.h5->add({name,
                 halves ? H5Type::float16 : H5Type::float32,
                 {static_cast<std::size_t>(files.dimensions)},
                 chunk});
  files.h5->add({coords, clam ? H5Type::int32 : stamp ? H5Type::float32 : H5Type::int64, {2}, chunk});
  if (slide.color == wsi::Color::icc) files.h5->attribute(coords, "color", std::string("icc"));
  if (clam) {
    if (!options.pt) return;
    files.pt = scope.stage(options.dir, "pt_files/" + stem + ".pt");
    files.plain.emplace(files.plain_path());
  } else if (stamp) {
    for (const auto& [attribute, value] : wsi::stamp_attributes(*files.shape, slide))
      files.h5->attribute(wsi::h5_whole_file, attribute, value);
    files.h5->attribute(wsi::h5_whole_file, "extractor", features.encoder);
    files.h5->attribute(wsi::h5_whole_file, "stamp_version", std::string(stamp_version));
  } else {
    for (const auto& [attribute, value] :
         wsi::trident_attributes(*files.shape, slide, ".", options.magnification))
      files.h5->attribute(coords, attribute, value);
    files.h5->attribute(name, "name", stem);
    files.h5->attribute(name, "savetodir", std::string("."));
    files.h5->attribute(name, "encoder", features.encoder);
  }
}

template <class T>
void append_places(const Features& features, double unit, H5Writer& h5) {
  for (const Features::Place& place : features.places)
    h5.append<T>(coords, std::array{static_cast<T>(static_cast<double>(place.x) * unit),
                                    static_cast<T>(static_cast<double>(place.y) * unit)});
}

}  // namespace

void SaveFeatures::describe(Description<SaveFeatures>& d) {
  d.summary("Writes features as files that CLAM, TRIDENT, STAMP, scverse and their like go on with.")
      .details(
          "clam: h5_files/<slide>.h5 in `dir` with features (tiles x dimensions) and coords (int32, level-0 "
          "x and y), and "
          "pt_files/<slide>.pt, the features as torch.save writes a tensor, which Slideflow reads too. "
          "trident: "
          "<slide>.h5 with features and coords (int64) with TRIDENT's attributes; `dir` is what TRIDENT "
          "calls "
          "features_<encoder>. stamp: <slide>.h5 with feats and coords in microns, and the file's "
          "attributes. h5ad: <slide>.h5ad, as scverse's tools (AnnData, squidpy) open it: features as X, the "
          "tiles' centres in level-0 pixels as obsm spatial, <slide>_<x>_<y> of their edges as names, slide, "
          "encoder, tile_extent and mpp of level 0 as uns. Rows are in "
          "the order of the tiles. A slide without tiles gets no file, which is told. When all slides are "
          "done, `files` says where those of this run and of earlier ones are, for `bags` and "
          "`read_features`, which do not read h5ad.")
      .example("files: {type: save_features, from: features, dir: out_features}")
      .resumes()
      .input<Features>("features")
      .output<FeatureFiles>("files");
  d.option("dir", &SaveFeatures::dir, "folder to write to").required().output_folder();
  d.option("layout", &SaveFeatures::layout, "whose files").choices({"clam", "trident", "stamp", "h5ad"});
  d.option("dtype", &SaveFeatures::type,
           "of features: float32, or float16 (half of the bytes, 3 digits); auto: float16 in layout "
           "stamp, as there, else float32")
      .choices({"auto", "float32", "float16"});
  d.option("pt", &SaveFeatures::pt, "clam: write pt_files too");
  d.option("magnification", &SaveFeatures::magnification, "trident: that of level 0, instead of the slide's")
      .above(0)
      .at_most(1000);
}

void SaveFeatures::plan(Costs& costs) {
  if (!pt && layout != "clam") throw OptionError("pt", "it is an option of layout clam", "layout: clam");
  if (magnification && layout != "trident")
    throw OptionError("magnification", "it is an option of layout trident", "layout: trident");
  if (type == "float16" && layout == "h5ad")
    throw OptionError("dtype", "scverse's tools take no float16", "float32");
  if (layout == "h5ad" && costs.wanted("files"))
    throw OptionError("layout", "bags and read_features do not read h5ad, but take `files`",
                      "clam, trident or stamp; h5ad by a second node of type save_features");
  costs.out("files", 0);  // leased by the epochs that are made of it
  costs.scratch = halves() ? costs.in("features") / 2 : 0;
  costs.keeps = H5Writer::library_bytes + 2 * H5Writer::buffer_bytes;
}

Action SaveFeatures::process(Inputs& in, Outputs&) {
  const auto features = in.share<Features>("features");
  auto& files = in.state<SlideFiles>();
  if (!features->like.slide || features->like.slide->levels.empty())
    throw Error("features of image files have no place on a slide: give those of tiles that extract cut");
  const at::Tensor values = halves() ? features->values.to(at::kHalf) : features->values;
  return [this, features, values, &files, &scope = in.scope()] {
    const TileShape shape(features->like);
    if (!files.shape) {
      files.shape = shape;
      create(*this, halves(), *features, scope, files);
    }
    if (!files.slide) files.slide = features->like.slide;
    if (files.slide->path != features->like.slide->path)
      throw Error(fmt::format("features of {} come with those of {}; a file has those of one slide",
                              features->like.slide->path.string(), files.slide->path.string()));
    if (shape != *files.shape || features->values.size(1) != files.dimensions)
      throw Error(fmt::format(
          "the tiles from x {}, y {} on have another size, level, extent, overlap or number of features "
          "than those before them; one file has tiles of one kind",
          features->places.front().x, features->places.front().y));
    const char* const name = dataset_of(layout);
    const auto count = static_cast<std::size_t>(values.numel());
    if (halves())
      files.h5->append<Float16>(name, std::span(static_cast<const Float16*>(values.data_ptr()), count));
    else
      files.h5->append<float>(name, std::span(values.data_ptr<float>(), count));
    if (layout == "clam")
      append_places<std::int32_t>(*features, 1, *files.h5);
    else if (layout == "trident")
      append_places<std::int64_t>(*features, 1, *files.h5);
    else if (layout == "h5ad")
      append_places(*features, scope.name(), *files.h5);
    else
      append_places<float>(*features, features->like.slide->mpp_or_throw(), *files.h5);
    if (files.plain) files.plain->write(bytes_of(values));
    files.rows += values.size(0);
  };
}

void SaveFeatures::finish(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return;
  auto& files = in.state<SlideFiles>();
  if (!files.h5) return out.note("there was no tile, so no file");
  files.h5->close();
  if (!files.plain) return;
  files.plain->close();
  // Mapped, not read: it may be larger than memory.
  const at::Tensor rows = at::from_file(files.plain_path().string(), false, files.rows * files.dimensions,
                                        halves() ? at::kHalf : at::kFloat)
                              .view({files.rows, files.dimensions});
  write_pickle(files.pt, rows);
  std::filesystem::remove(files.plain_path());
}

Packets SaveFeatures::finish_run(Inputs& in, Outputs&) {
  if (in.scope().failed()) return {};
  FeatureFiles files;
  for (const std::string& slide : in.done_scopes())
    for (const std::string& stem :
         {slide, wsi::trident_name(slide, ".ome.tif")})  // of TRIDENT's case.ome.tif
      if (const auto file = dir / file_in(layout, stem); std::filesystem::exists(file))
        files.by_slide[slide] = file;
  return {1, [files](std::uint64_t, Outputs& out) { out.emit("files", FeatureFiles(files)); }};
}

}  // namespace flowrun::torch_nodes
