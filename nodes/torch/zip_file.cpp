// SPDX-License-Identifier: Apache-2.0
#include "zip_file.h"

#include <string_view>

namespace flowrun::torch_nodes {

std::function<std::size_t(const void*, std::size_t)> ZipFile::writer() {
  return [this](const void* bytes, std::size_t count) {
    try {
      if (!problem_) file_.write(std::string_view(static_cast<const char*>(bytes), count));
    } catch (...) {
      problem_ = std::current_exception();
    }
    return count;
  };
}

void ZipFile::close() {
  if (problem_) std::rethrow_exception(problem_);
  file_.close();
}

}  // namespace flowrun::torch_nodes
