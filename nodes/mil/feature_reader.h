// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "nodes/table/h5_features.h"

namespace flowrun::torch_nodes {

/// The features of a slide's tiles in a file, read from first to last in blocks of rows: HDF5 (see
/// wsi::H5Features), or a tensor as torch.save writes it (CLAM's pt_files): tiles x dimensions, float16,
/// bfloat16, float32 or float64. Everything throws Error that names the file, also of features that are not
/// finite. Not thread-safe.
class FeatureReader {
 public:
  /// `selected`: see wsi::H5Features; it must outlive this.
  static std::unique_ptr<FeatureReader> open(const std::filesystem::path& file,
                                             const std::vector<std::uint64_t>* selected = nullptr);
  virtual ~FeatureReader() = default;

  /// Of the whole file.
  virtual wsi::FeatureFacts facts() const = 0;
  /// Of those that are read.
  std::uint64_t rows() const { return selected_ ? selected_->size() : facts().rows; }
  /// The next rows, at most so many: float32, rows x dimensions, on the CPU; undefined when all were read.
  at::Tensor next(std::uint64_t most);

 protected:
  FeatureReader(std::filesystem::path path, const std::vector<std::uint64_t>* selected)
      : path_(std::move(path)), selected_(selected) {}
  /// Rows `first` to `first` + `rows` - 1 of those that are read.
  virtual void read(float* to, std::uint64_t first, std::uint64_t rows) = 0;

  const std::filesystem::path path_;
  const std::vector<std::uint64_t>* selected_;

 private:
  std::uint64_t next_ = 0;
};

}  // namespace flowrun::torch_nodes
