// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace flowrun::wsi {

/// Runs a function in a copy of this process (fork) and passes on what it sends: for libraries that crash,
/// hang or eat memory when a file is broken. libhdf5 1.10.8 does: of a thousand damaged files some end the
/// process. What happens in the copy happens to the copy only. It goes no faster than its messages are
/// received, and ends with this object. Not thread-safe.
///
/// In the copy there is no other thread, so the function must not wait for one, nor start one; it may
/// allocate, read files, throw, and call HDF5 (no other thread was in it while the process was copied).
class Isolated {
 public:
  using Send = std::function<void(std::string_view message)>;
  /// Processor time between two messages, and memory besides what the process has already; more ends it.
  static constexpr int most_seconds = 5;
  static constexpr std::size_t most_bytes = std::size_t{256} << 20;

  /// Begins to run it. Throws Error when the system has no process left.
  explicit Isolated(const std::function<void(const Send&)>& function);
  ~Isolated();
  Isolated(const Isolated&) = delete;
  Isolated& operator=(const Isolated&) = delete;

  /// The next message, or nothing when the function has returned. Throws the Error that the function threw,
  /// and Error when it came to another end; then its text says which ("it crashed (Segmentation fault)").
  std::optional<std::string> receive();

 private:
  [[noreturn]] void broke_off();

  int pipe_ = -1;
  ::pid_t process_ = -1;
};

/// What `values` are in memory, which the copy of the process has in the same form.
template <class T>
std::string_view message_of(const T* values, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(values), count * sizeof(T)};
}

}  // namespace flowrun::wsi
