// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

namespace flowrun::wsi::synth {

/// A file that comes into being under a temporary name beside its target and takes the target's place with
/// `commit`. Without a commit nothing remains of it but the folders made for it. Errors are
/// std::runtime_error naming the target.
class TempFile {
 public:
  /// Makes the target's folder if need be. Throws when the target is a directory or its folder takes no file.
  explicit TempFile(std::filesystem::path target);
  ~TempFile();
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  const std::filesystem::path& target() const { return target_; }
  /// For reading and writing at any place. Remains this object's.
  int descriptor() const { return descriptor_; }
  void write(std::string_view bytes);
  /// Replaces the target at once. Throws when that fails; the target is then as before.
  void commit();

 private:
  void close();

  std::filesystem::path target_;
  std::filesystem::path temporary_;  // empty once committed
  int descriptor_ = -1;
};

}  // namespace flowrun::wsi::synth
