// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tree.h"

namespace flowrun::wsi::collect {

struct CollectOptions {
  std::filesystem::path source, slides;
  std::filesystem::path logs;           ///< empty: logs are left alone
  std::vector<std::string> extensions;  ///< as parse_extensions() gives them; empty: default_extensions()
  bool delete_others = false;
  bool dry_run = false;  ///< say what would be done, change nothing
};

/// A file or folder and where it went, or what it is a duplicate of.
struct Went {
  std::string from, to;
};

/// What was done, or would be. Paths are absolute, byte by byte as on the disk.
struct CollectResult {
  std::vector<Went> slides, logs;  ///< moved
  std::vector<Went> renamed;       ///< those of `slides` and `logs` that were named apart
  std::vector<Went> duplicates;    ///< removed; `to` has the same content
  std::vector<std::string> deleted;
  std::vector<std::string> removed_folders;
  std::vector<Remark> left;  ///< left alone; without text: neither slide nor log
  std::vector<Remark> failures;
  std::size_t done_before = 0;    ///< steps of an interrupted run that had been taken
  std::size_t beyond_return = 0;  ///< when undoing: deleted files that cannot come back
  bool interrupted = false;
};

/// Whom the collector asks.
struct CollectCalls {
  /// True when the user wants an end: the file in work is finished.
  std::function<bool()> interrupted = [] { return false; };
  /// May these files (absolute paths) be deleted for good? Called before anything is changed.
  std::function<bool(const std::vector<std::string>&)> may_delete = [](auto&) { return false; };
  std::function<void(const std::string&)> say = [](auto&) {};
};

/// Throws OptionError when options contradict each other; looks at no file's content.
void check(const CollectOptions& options);

/// Moves slides and logs out of a tree: see docs/nodes/collect.md. Finishes what an interrupted run left
/// first. What goes wrong with one file is in the result. Throws OptionError as check() does and when the
/// source is no folder, Error when nothing can be done at all.
CollectResult collect(const CollectOptions& options, const CollectCalls& calls);

/// Puts everything that was ever collected into `slides` back where it was, newest first, and then forgets
/// it. Throws Error when nothing was.
CollectResult undo(const std::filesystem::path& slides, bool dry_run, const CollectCalls& calls);

}  // namespace flowrun::wsi::collect
