// SPDX-License-Identifier: Apache-2.0
#include "feature_reader.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "nodes/table/h5_file.h"
#include "nodes/torch/unpickler.h"
#include "nodes/torch/zip_reader.h"

namespace flowrun::torch_nodes {
namespace {

class OfH5 final : public FeatureReader {
 public:
  OfH5(const std::filesystem::path& file, const std::vector<std::uint64_t>* selected)
      : FeatureReader(file, selected), file_(path_, selected) {}
  wsi::FeatureFacts facts() const override { return file_.facts(); }

 private:
  void read(float* to, std::uint64_t, std::uint64_t rows) override { file_.read(to, rows); }

  wsi::H5Features file_;
};

class OfTensor final : public FeatureReader {
 public:
  OfTensor(const std::filesystem::path& file, const std::vector<std::uint64_t>* selected)
      : FeatureReader(file, selected), in_(file, std::ios::binary) {
    try {
      ZipReader archive(file);
      std::string pickle(archive.size("data.pkl"), '\0');
      archive.read("data.pkl", pickle.data());
      // Shapes only: the numbers stay where they are.
      const c10::IValue all =
          unpickle(pickle, [&](const std::string& key, at::ScalarType type, std::int64_t elements) {
            const std::string name = "data/" + key;
            if (archive.size(name) != c10::elementSize(type) * static_cast<std::uint64_t>(elements))
              throw Error(fmt::format("its tensor has {} bytes, expected {} times {}", archive.size(name),
                                      elements, c10::elementSize(type)));
            begin_ = archive.place(name);
            return at::empty({elements}, at::TensorOptions(type).device(at::kMeta));
          });
      if (!all.isTensor()) throw Error("it holds no tensor");
      take(all.toTensor());
    } catch (const std::exception& problem) {
      const std::string what = problem.what();
      throw Error(
          fmt::format("{}: these are no features: {}", file.string(), what.substr(0, what.find('\n'))));
    }
    if (selected && !selected->empty() && selected->back() >= facts_.rows)
      throw Error(fmt::format("{}: it has {} tiles, fewer than before: it was changed meanwhile",
                              file.string(), facts_.rows));
  }
  wsi::FeatureFacts facts() const override { return facts_; }

 private:
  void take(const at::Tensor& tensor) {
    if (tensor.dim() != 2 || !tensor.is_floating_point())
      throw Error(fmt::format(
          "expected a tensor of floating-point numbers, tiles x dimensions, found {} of shape ({})",
          c10::toString(tensor.scalar_type()), fmt::join(tensor.sizes(), ", ")));
    if (tensor.size(1) == 0 || tensor.size(1) > static_cast<std::int64_t>(wsi::H5Features::most_dimensions))
      throw Error(fmt::format("{} numbers a tile, expected 1 to {}", tensor.size(1),
                              wsi::H5Features::most_dimensions));
    if (!tensor.is_contiguous()) throw Error("the tensor is a view of another; save tensor.contiguous()");
    facts_ = {static_cast<std::uint64_t>(tensor.size(0)), static_cast<std::uint64_t>(tensor.size(1))};
    type_ = tensor.scalar_type();
    begin_ += static_cast<std::uint64_t>(tensor.storage_offset()) * tensor.element_size();
  }

  void read(float* to, std::uint64_t first, std::uint64_t rows) override {
    const auto dimensions = static_cast<std::int64_t>(facts_.dimensions);
    for (std::uint64_t done = 0; done < rows;) {  // runs of rows that are beside each other
      const std::uint64_t row = row_of(first + done);
      std::uint64_t count = 1;
      while (done + count < rows && row_of(first + done + count) == row + count) ++count;
      const at::Tensor block = at::empty({static_cast<std::int64_t>(count), dimensions}, type_);
      in_.seekg(static_cast<std::streamoff>(begin_ + row * facts_.dimensions * block.element_size()));
      if (!in_.read(static_cast<char*>(block.data_ptr()), static_cast<std::streamsize>(block.nbytes())))
        throw Error(fmt::format("{}: it cannot be read", path_.string()));
      at::from_blob(to + done * facts_.dimensions, block.sizes(), at::kFloat).copy_(block);
      done += count;
    }
  }
  std::uint64_t row_of(std::uint64_t i) const { return selected_ ? (*selected_)[i] : i; }

  std::ifstream in_;
  wsi::FeatureFacts facts_;
  at::ScalarType type_ = at::kFloat;
  std::uint64_t begin_ = 0;  // of the numbers in the file
};

}  // namespace

std::unique_ptr<FeatureReader> FeatureReader::open(const std::filesystem::path& file,
                                                   const std::vector<std::uint64_t>* selected) {
  if (!std::filesystem::is_regular_file(file)) throw Error(fmt::format("there is no file {}", file.string()));
  if (wsi::is_h5(file)) return std::make_unique<OfH5>(file, selected);
  if (file.extension() == ".pt") return std::make_unique<OfTensor>(file, selected);
  throw Error(fmt::format("{}: it does not begin as HDF5 files do", file.string()));
}

at::Tensor FeatureReader::next(std::uint64_t most) {
  const std::uint64_t count = std::min(most, rows() - next_);
  if (count == 0) return {};
  const auto dimensions = static_cast<std::int64_t>(facts().dimensions);
  const at::Tensor block = at::empty({static_cast<std::int64_t>(count), dimensions}, at::kFloat);
  read(block.data_ptr<float>(), next_, count);
  if (!block.isfinite().all().item<bool>()) {
    const auto wrong =
        static_cast<std::uint64_t>(block.isfinite().logical_not().nonzero()[0][0].item<std::int64_t>());
    const std::uint64_t row = next_ + wrong;
    throw Error(fmt::format("{}: the features of tile {} are not finite (NaN or infinite)", path_.string(),
                            selected_ ? (*selected_)[row] : row));
  }
  next_ += count;
  return block;
}

}  // namespace flowrun::torch_nodes
