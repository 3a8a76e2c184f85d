// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tree.h"

namespace flowrun::wsi::collect {

/// One step of collecting. Steps are made so that it can be seen from the files alone whether one was taken:
/// a plan that is written down before its first step needs no record of the later ones.
struct Operation {
  enum class Kind {
    move,           ///< source/from to place/to
    duplicate,      ///< source/from has the content of place/to and is removed
    erase,          ///< source/from is deleted for good
    remove_folder,  ///< source/from is removed if it is empty
  };
  Kind kind = Kind::move;
  bool log = false;  ///< place is the folder for logs, else that for slides
  std::string from;
  std::string to;
  bool companion = false;     ///< of the slide that the next operation without it moves or removes
  unsigned mode = 0;          ///< permission bits, of duplicates and folders
  std::int64_t modified = 0;  ///< nanoseconds since 1970, of duplicates and what is deleted
  std::uint64_t bytes = 0;    ///< of what is deleted
};

struct Plan {
  std::filesystem::path source, slides, logs;  ///< absolute; `logs` empty: logs are left alone
  std::vector<std::filesystem::path> made;     ///< folders made for it, outer ones first
  std::vector<Operation> operations;

  std::filesystem::path from(const Operation& operation) const { return source / operation.from; }
  std::filesystem::path to(const Operation& operation) const {
    return (operation.log ? logs : slides) / operation.to;
  }
};

/// The name that a file or folder gets when nothing else has it.
std::string own_name(const Plan& plan, const Operation& operation);

/// Adds to `plan`, whose folders are set, what is to be done with `tree`, and to `failures` what cannot be
/// compared. A name goes to the first unit by path; later ones, and those whose name stands in the target
/// already, are duplicates if the content is the same, else they are named apart (see name_apart). So the
/// same tree and targets give the same plan.
void add_operations(Plan& plan, const Tree& tree, bool delete_others, std::vector<Remark>& failures);

}  // namespace flowrun::wsi::collect
