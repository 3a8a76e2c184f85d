// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace flowrun::test {

/// A call that changes files: "rename", "unlink", "mkdir", "write", "syncfs", "fsync" or "link".
struct FileCall {
  std::string name;
  std::string path;  ///< of a rename the new one; empty where only a descriptor is known
};

constexpr int pretend = -1;

/// While it lives, each such call of this process is first given to `answer`, which gives 0 to have it made,
/// an error number to have it fail, or `pretend` to have it do nothing.
class FileCalls {
 public:
  explicit FileCalls(std::function<int(const FileCall&)> answer);
  ~FileCalls();
  FileCalls(const FileCalls&) = delete;
  FileCalls& operator=(const FileCalls&) = delete;
};

/// Runs `f` in a process of its own that is killed before the call number `k` that `f` makes once it called
/// what it is given. Nothing is synced. False when `f` ended before that.
bool killed_at(int k, const std::function<void(const std::function<void()>&)>& f);

}  // namespace flowrun::test
