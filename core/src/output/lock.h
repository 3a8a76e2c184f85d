// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "output/lock_owner.h"
#include "output/part.h"

namespace flowrun {

struct LockOptions {
  std::chrono::milliseconds beat = std::chrono::seconds(10);      ///< how often an owner shows that it lives
  std::chrono::milliseconds patience = std::chrono::seconds(60);  ///< without a beat: its machine is dead
  /// Told, in words, before a lock of another machine is watched.
  std::function<void(const std::string&)> on_wait = {};
};

/// The locks of an output folder. One run does all of a folder, or runs of different parts of one count share
/// it; two of the same part exclude each other.
///
///   .flowrun/locks/NAME.N   the N-th owner of the lock NAME: who it is, and its beats. The highest N counts.
///
/// A lock is taken by creating the next N, which only one process can, also over NFS and where nothing
/// supports flock. It is free when its owner says so, or is dead: a process of this machine is looked for,
/// one of another is dead when its beats have not changed for `patience` of this process' own time, so clocks
/// may be wrong. An owner that was only thought to be dead finds the next N there and must publish no more.
class FolderLock {
 public:
  enum class IfHeld { refuse, wait };

  /// For a run of `part`, or of all. Throws Error when a run that it excludes holds the folder.
  FolderLock(const std::filesystem::path& folder, const std::optional<Part>& part,
             const LockOptions& options);
  /// By a name of its own, which excludes nothing else. Throws Error, see IfHeld.
  FolderLock(const std::filesystem::path& folder, const std::string& name, IfHeld if_held,
             const LockOptions& options);
  ~FolderLock();  ///< lets go
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  /// Throws Error when another process has taken it over.
  void check_held() const;
  /// Open as long as it lives; of a file in the folder.
  int descriptor() const { return descriptor_; }

 private:
  void take(IfHeld if_held);
  bool create(std::uint64_t number);
  void show(LockOwner owner) const;
  void beat(std::stop_token stop);

  std::filesystem::path folder_;
  std::string name_;
  LockOptions options_;
  LockOwner owner_;
  std::uint64_t number_ = 0;
  int descriptor_ = -1;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it ends before what it uses
};

/// The name of the lock of a rank other than 0, which excludes itself only.
std::string lock_of_rank(int rank);

/// Who holds a lock, or that of a run of `part`, or of all, in words; nothing when nobody does. What a dead
/// process held is nobody's from then on. Throws Error.
std::optional<std::string> holder_of(const std::filesystem::path& folder, const std::string& name,
                                     const LockOptions& options);
std::optional<std::string> holder_of(const std::filesystem::path& folder, const std::optional<Part>& part,
                                     const LockOptions& options);

}  // namespace flowrun
