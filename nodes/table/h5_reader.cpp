// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <fstream>

#include "h5_file.h"
#include "h5_library.h"

namespace flowrun::wsi {
namespace {

constexpr std::array<char, 8> signature{'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
constexpr std::size_t most_text_bytes = std::size_t{64} << 10;

/// Refuses what only broken or unusual files have, before any of it is read.
void check_storage(const H5::DataSet& dataset) {
  const auto refuse = [](const char* why) { throw H5::DataSetIException("check_storage", why); };
  const H5::DSetCreatPropList how = dataset.getCreatePlist();
  const H5D_layout_t layout = how.getLayout();
  if (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED && layout != H5D_COMPACT)
    refuse("its data lie in other files");
  if (how.getExternalCount() > 0) refuse("its data lie in other files");
  for (int i = 0; i < how.getNfilters(); ++i) {
    unsigned flags = 0, config = 0;
    std::size_t count = 0;
    std::array<char, 64> name{};
    const H5Z_filter_t filter = how.getFilter(i, flags, count, nullptr, name.size(), name.data(), config);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
      refuse("it is compressed by another method than gzip");
  }
  if (layout != H5D_CHUNKED) return;
  const int rank = dataset.getSpace().getSimpleExtentNdims();
  std::array<hsize_t, H5S_MAX_RANK> sides{};
  std::uint64_t bytes = dataset.getDataType().getSize();
  for (int i = 0; i < how.getChunk(rank, sides.data()); ++i) {
    const hsize_t side = sides.at(static_cast<std::size_t>(i));
    if (side == 0 || side > H5Reader::most_chunk_bytes) refuse("its chunks are too large");
    bytes *= side;
    if (bytes > H5Reader::most_chunk_bytes) refuse("its chunks are too large");
  }
}

std::string words_for(const H5::DataType& type) {
  switch (type.getClass()) {
    case H5T_INTEGER:
      return (H5Tget_sign(type.getId()) == H5T_SGN_NONE ? "uint" : "int") +
             std::to_string(8 * type.getSize());
    case H5T_FLOAT:
      return "float" + std::to_string(8 * type.getSize());
    case H5T_STRING:
      return "text";
    default:
      return "neither numbers nor text";
  }
}

}  // namespace

struct H5Reader::State {
  std::filesystem::path path;
  H5::H5File file = {};

  H5::DataSet open(const std::string& name) const {
    if (H5Lexists(file.getId(), name.c_str(), H5P_DEFAULT) <= 0)
      throw Error(fmt::format("{}: there is no dataset '{}'", path.string(), name));
    H5L_info_t link{};
    if (H5Lget_info(file.getId(), name.c_str(), &link, H5P_DEFAULT) < 0 || link.type != H5L_TYPE_HARD)
      throw Error(fmt::format("{}: '{}' is a link to somewhere else", path.string(), name));
    H5::DataSet dataset = file.openDataSet(name);
    if (!dataset.getSpace().isSimple()) throw Error(fmt::format("{}: '{}' is no table", path.string(), name));
    return dataset;
  }
  /// Of a dataset or of the file itself; nothing when there is none of the name.
  std::optional<H5::Attribute> attribute(const std::string& object, const std::string& name) const {
    const auto of = [&](const H5::H5Object& opened) {
      return opened.attrExists(name) ? std::optional(opened.openAttribute(name)) : std::nullopt;
    };
    return object == h5_whole_file ? of(file.openGroup("/")) : of(open(object));
  }
  template <class T>
  void read(const std::string& dataset, std::uint64_t first, std::size_t rows, const H5::PredType& type,
            std::vector<T>& to) const {
    const H5::DataSet opened = open(dataset);
    check_storage(opened);
    H5::DataSpace space = opened.getSpace();
    std::array<hsize_t, 2> dims{};
    if (space.getSimpleExtentNdims() != 2) throw std::logic_error("only two-dimensional datasets are read");
    space.getSimpleExtentDims(dims.data());
    const std::array<hsize_t, 2> start{first, 0}, extent{rows, dims[1]};
    space.selectHyperslab(H5S_SELECT_SET, extent.data(), start.data());
    to.resize(rows * dims[1]);
    opened.read(to.data(), type, H5::DataSpace(2, extent.data()), space);
  }
};

bool is_h5(const std::filesystem::path& file) {
  std::array<char, signature.size()> start{};
  std::ifstream(file, std::ios::binary).read(start.data(), start.size());
  return start == signature;
}

H5Reader::H5Reader(const std::filesystem::path& file) : state_(new State{file}) {
  with_h5(file, "cannot be read", [&] { state_->file = H5::H5File(file.string(), H5F_ACC_RDONLY); });
}

H5Reader::~H5Reader() = default;

void H5Reader::Close::operator()(State* state) const {
  const std::scoped_lock lock(h5_mutex());
  H5::Exception::dontPrint();
  delete state;
}

bool H5Reader::has(const std::string& dataset) const {
  return with_h5(state_->path, "cannot be read",
                 [&] { return H5Lexists(state_->file.getId(), dataset.c_str(), H5P_DEFAULT) > 0; });
}

H5Reader::Shape H5Reader::shape(const std::string& dataset) const {
  return with_h5(state_->path, "cannot be read", [&] {
    const H5::DataSet opened = state_->open(dataset);
    check_storage(opened);
    const H5::DataSpace space = opened.getSpace();
    std::vector<hsize_t> dims(static_cast<std::size_t>(space.getSimpleExtentNdims()));
    space.getSimpleExtentDims(dims.data());
    const H5::DataType type = opened.getDataType();
    const bool whole = type.getClass() == H5T_INTEGER;
    return Shape{{dims.begin(), dims.end()}, whole, whole || type.getClass() == H5T_FLOAT, words_for(type)};
  });
}

std::optional<double> H5Reader::number(const std::string& dataset, const std::string& attribute) const {
  return with_h5(state_->path, "cannot be read", [&]() -> std::optional<double> {
    const auto found = state_->attribute(dataset, attribute);
    if (!found) return {};
    const H5T_class_t kind = found->getTypeClass();
    if ((kind != H5T_INTEGER && kind != H5T_FLOAT) || found->getSpace().getSimpleExtentNpoints() != 1)
      throw Error(fmt::format("{}: the attribute '{}' of '{}' is no number", state_->path.string(), attribute,
                              dataset));
    double value = 0;
    found->read(H5::PredType::NATIVE_DOUBLE, &value);
    return value;
  });
}

std::optional<std::string> H5Reader::text(const std::string& dataset, const std::string& attribute) const {
  return with_h5(state_->path, "cannot be read", [&]() -> std::optional<std::string> {
    const auto found = state_->attribute(dataset, attribute);
    if (!found) return {};
    if (found->getTypeClass() != H5T_STRING || found->getSpace().getSimpleExtentNpoints() != 1 ||
        found->getStrType().getSize() > most_text_bytes)
      throw Error(fmt::format("{}: the attribute '{}' of '{}' is no text", state_->path.string(), attribute,
                              dataset));
    std::string value;
    found->read(found->getStrType(), value);
    return value;
  });
}

void H5Reader::read(const std::string& dataset, std::uint64_t first, std::size_t rows,
                    std::vector<std::int64_t>& to) const {
  with_h5(state_->path, "cannot be read",
          [&] { state_->read(dataset, first, rows, H5::PredType::NATIVE_INT64, to); });
}

void H5Reader::read(const std::string& dataset, std::uint64_t first, std::size_t rows,
                    std::vector<float>& to) const {
  with_h5(state_->path, "cannot be read",
          [&] { state_->read(dataset, first, rows, H5::PredType::NATIVE_FLOAT, to); });
}

void H5Reader::read(const std::string& dataset, std::uint64_t first, std::size_t rows,
                    std::vector<double>& to) const {
  with_h5(state_->path, "cannot be read",
          [&] { state_->read(dataset, first, rows, H5::PredType::NATIVE_DOUBLE, to); });
}

}  // namespace flowrun::wsi
