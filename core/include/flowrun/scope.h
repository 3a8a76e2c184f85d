// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace flowrun {

/// What a packet belongs to and what can be finished: the run, or a slide within it. Scopes are opened by
/// sources and live until every node has finished them. Thread-safe.
class Scope {
 public:
  virtual ~Scope() = default;
  /// "run", or the name of the output port whose packets open such scopes ("slide").
  virtual const std::string& kind() const = 0;
  /// Unique among the scopes of its kind in a run, fit for a file name ("CMU-1-Small-Region").
  virtual const std::string& name() const = 0;
  /// True once something in this scope went wrong for good: what it has written will not be kept.
  virtual bool failed() const = 0;

  /// Announces `unit` (a file or folder, relative to `output_folder`) as an output of this scope and returns
  /// the temporary path to write it to. Its parent folder exists. When every node has finished the scope,
  /// the runtime renames all of its units into place together with its journal entry; when the scope failed,
  /// they are removed. Calling it again for the same unit gives the same path. Throws Error when something
  /// that flowrun did not make stands at the final place.
  virtual std::filesystem::path stage(const std::filesystem::path& output_folder,
                                      const std::filesystem::path& unit) const = 0;

  /// The same for a file that the scopes of one opener hand on, such as the last checkpoint of a training: it
  /// takes the place of the one that an earlier scope made, in one step, and is an output of this scope alone
  /// from then on. Wherever the process ends, all files that a scope hands on are those of the same scope
  /// when the next run begins.
  virtual std::filesystem::path hand_on(const std::filesystem::path& output_folder,
                                        const std::filesystem::path& unit) const = 0;
};

}  // namespace flowrun
