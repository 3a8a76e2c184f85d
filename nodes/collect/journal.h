// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "collect_plan.h"

namespace flowrun::wsi::collect {

/// The folder of a target folder that keeps what is ours; hidden, so that no search for slides looks into it.
inline constexpr const char* journal_folder = ".flowrun-collect";

/// Holds a folder for this process until destroyed. Makes it and its journal folder if need be. Throws Error
/// when another process holds it or it cannot be written to.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// The plans of a folder for slides, in `.flowrun-collect/`: NUMBER.plan has steps still to be taken,
/// NUMBER.done has none. A plan is written whole, and is on the disk, before its first step. The lock on the
/// folder is the caller's.
class Journal {
 public:
  explicit Journal(const std::filesystem::path& slides);

  /// Numbers of all plans, ascending, and whether each is done.
  std::vector<std::pair<int, bool>> plans() const;
  /// Throws Error when it is no plan, or not one of this user and folder.
  Plan read(int number) const;
  /// Returns the plan's number.
  int write(const Plan& plan) const;
  void mark_done(int number) const;
  /// Steps are to be taken back: a run that comes after a disturbed undo takes them anew.
  void mark_open(int number) const;
  void remove(int number) const;

 private:
  std::filesystem::path file(int number, const char* extension) const;
  std::filesystem::path folder_;
};

/// A plan as text, a JSON array a line, and back. Paths that are no UTF-8 are kept byte by byte. Throws
/// Error.
std::string to_text(const Plan& plan);
Plan plan_from(const std::string& text);

}  // namespace flowrun::wsi::collect
