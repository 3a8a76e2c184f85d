// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <exception>
#include <filesystem>
#include <functional>

#include "nodes/base/out_file.h"

namespace flowrun::torch_nodes {

/// A file that libtorch writes a ZIP archive to. Nothing may be thrown through its writer, which goes on in
/// its destructor: the first failure is kept, and what comes after it is not written.
class ZipFile {
 public:
  explicit ZipFile(std::filesystem::path path) : file_(std::move(path)) {}

  /// What libtorch calls with bytes; refers to this object.
  std::function<std::size_t(const void*, std::size_t)> writer();
  /// When the writer is done. Throws what went wrong.
  void close();

 private:
  wsi::OutFile file_;
  std::exception_ptr problem_;
};

}  // namespace flowrun::torch_nodes
