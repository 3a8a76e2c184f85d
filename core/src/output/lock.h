// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace flowrun {

/// One process at a time writes to an output folder.
class FolderLock {
 public:
  /// Throws Error when another process holds it, or the file system has no locks.
  FolderLock(const std::filesystem::path& file, const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace flowrun
