// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kinds.h"

namespace flowrun::wsi::collect {

/// What is moved as one: a slide (with its companion folder), a log file, a folder of logs.
struct Unit {
  std::string path;       ///< this and all paths here are relative to the tree's root
  std::string companion;  ///< of a MIRAX slide: its folder; else empty
  bool log = false;
};

/// A file that may be deleted, with what tells it from a changed one (zeros unless others are to be deleted).
struct Other {
  std::string path;
  std::uint64_t bytes = 0;
  std::int64_t modified = 0;  ///< nanoseconds since 1970
};

struct Folder {
  std::string path;
  unsigned mode = 0;  ///< permission bits
};

/// A path and what is to be said of it.
struct Remark {
  std::string path;
  std::string text;
};

/// What is in a tree.
struct Tree {
  std::vector<Unit> units;      ///< sorted by path
  std::vector<Other> others;    ///< neither slides nor logs
  std::vector<Remark> left;     ///< what is never touched, and why
  std::vector<Folder> emptied;  ///< have nothing left when all units are gone; a folder after those within it
  std::vector<Remark> failures;  ///< folders that cannot be read or written to
};

struct TreeOptions {
  std::filesystem::path root;  ///< canonical
  /// Folders that are written to, canonical; they may lie within the root and are not looked into.
  std::vector<std::filesystem::path> outputs;
  std::vector<std::string> extensions;  ///< of slides, as parse_extensions() gives them
  bool logs = true;                     ///< logs are units, not just left alone
  bool delete_others = false;           ///< others, too, are gone in the end
};

/// Looks through a tree once, without following links or looking into hidden folders. A folder called `logs`
/// is a unit unless there are slides in it: then it is looked through as any other; with links, sockets or
/// hidden files in it, which nothing moves, it is left as it is. Folders that had nothing in them before are
/// not `emptied`.
Tree look_through(const TreeOptions& options);

}  // namespace flowrun::wsi::collect
