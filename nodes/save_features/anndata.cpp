// SPDX-License-Identifier: Apache-2.0
#include "anndata.h"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace flowrun::torch_nodes {
namespace {

using wsi::H5Type, wsi::H5Writer;

constexpr std::size_t chunk_rows = 32;
constexpr const char *index = "_index", *spatial = "obsm/spatial", *names = "obs/_index";

/// What AnnData tells kinds of elements by.
void encoding(const std::string& element, const char* type, const char* version, H5Writer& h5) {
  h5.attribute(element, "encoding-type", std::string(type));
  h5.attribute(element, "encoding-version", std::string(version));
}

void dict(const std::string& name, H5Writer& h5) {
  h5.group(name);
  encoding(name, "dict", "0.1.0", h5);
}

/// A table of rows with names alone.
void frame(const std::string& name, H5Writer& h5) {
  h5.group(name);
  encoding(name, "dataframe", "0.2.0", h5);
  h5.attribute(name, index, std::string(index));
  h5.attribute(name, "column-order", std::vector<double>{});  // as AnnData writes that there are none
  h5.add({name + "/" + index, H5Type::text, {}, chunk_rows});
  encoding(name + "/" + index, "string-array", "0.2.0", h5);
}

void value(const std::string& name, const wsi::H5Attribute& of, H5Writer& h5) {
  h5.scalar("uns/" + name, of);
  encoding("uns/" + name, std::holds_alternative<std::string>(of) ? "string" : "numeric-scalar", "0.2.0", h5);
}

}  // namespace

void begin_anndata(const Features& like, const std::string& slide, H5Writer& h5) {
  const auto dimensions = static_cast<std::size_t>(like.values.size(1));
  encoding(wsi::h5_whole_file, "anndata", "0.1.0", h5);
  h5.add({"X", H5Type::float32, {dimensions}, chunk_rows});
  encoding("X", "array", "0.2.0", h5);
  frame("obs", h5);
  frame("var", h5);
  std::vector<std::string> features;
  for (std::size_t i = 0; i < dimensions; ++i) features.push_back(fmt::format("feature_{}", i));
  h5.append("var/_index", features);
  for (const char* empty : {"layers", "obsm", "obsp", "uns", "varm", "varp"}) dict(empty, h5);
  h5.add({spatial, H5Type::float64, {2}, chunk_rows});
  encoding(spatial, "array", "0.2.0", h5);
  value("slide", slide, h5);
  value("encoder", like.encoder, h5);
  value("tile_extent", like.like.extent, h5);
  if (like.like.slide->mpp) value("mpp", *like.like.slide->mpp, h5);
  if (like.like.slide->color == wsi::Color::icc) value("color", std::string("icc"), h5);
}

void append_places(const Features& features, const std::string& slide, H5Writer& h5) {
  const double half = features.like.extent / 2;
  std::vector<std::string> of_tiles;
  for (const Features::Place& place : features.places) {
    of_tiles.push_back(fmt::format("{}_{}_{}", slide, place.x, place.y));
    h5.append<double>(spatial,
                      std::array{static_cast<double>(place.x) + half, static_cast<double>(place.y) + half});
  }
  h5.append(names, of_tiles);
}

}  // namespace flowrun::torch_nodes
