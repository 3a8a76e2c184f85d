// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace flowrun {

/// A folder that a run writes to, with its journal in `.flowrun/`:
///   lock            held by the process that runs
///   done/NAME.json  the scope NAME is whole: its identity, the plan, its counts, its units
///   publishing/     a scope whose units are being renamed into place: undone when a killed run left it, but
///                   completed when it hands on units, as the earlier scope's are replaced by then
///   staging/        what is being written
/// A scope is done when its entry in done/ is; everything else that a killed run left is removed when the
/// folder is opened. Thread-safe.
class OutputFolder {
 public:
  /// Creates the folder if need be, takes its lock and cleans up. Throws Error when it cannot be written or
  /// another process holds it.
  explicit OutputFolder(std::filesystem::path folder);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::filesystem::path& path() const { return folder_; }
  /// The journal entry of a scope whose units all stand, or null.
  nlohmann::json entry(const std::string& scope) const;
  void check_name(const std::string&) const {}
  /// See Scope::stage.
  std::filesystem::path stage(const std::string& scope, const std::filesystem::path& unit);
  /// See Scope::hand_on.
  std::filesystem::path hand_on(const std::string& scope, const std::filesystem::path& unit);
  bool has_staged(const std::string& scope) const;
  /// Moves the scope's units into place, replaces those of its last entry, and writes `entry`.
  void publish(const std::string& scope, nlohmann::json entry);
  /// Removes what the scope has staged.
  void discard(const std::string& scope);

 private:
  std::filesystem::path place(const char* kind, const std::string& scope) const;
  void take_lock();
  void clean_up();
  bool ours(const std::string& scope, const std::filesystem::path& unit) const;
  std::set<std::string> done_scopes_of_opener(const std::string& scope) const;
  std::filesystem::path stage(const std::string& scope, const std::filesystem::path& unit, bool handed_on);
  /// The units that a scope stages.
  struct Staged {
    std::set<std::filesystem::path> units, handed_on;
  };
  Staged take_staged(const std::string& scope);
  /// Does what the intent says, as far as it is not done.
  void complete(const std::string& scope, const nlohmann::json& intent);

  std::filesystem::path folder_;
  std::filesystem::path journal_;
  int lock_ = -1;
  mutable std::mutex mutex_;
  std::map<std::string, Staged> staged_;
};

struct Publication {
  std::string scope;
  std::vector<OutputFolder*> folders;
  nlohmann::json entry;
};
std::vector<std::exception_ptr> publish(std::vector<Publication>& batch);

/// Writes a file whole or not at all: under a temporary name first, then renamed. Throws Error.
void write_whole(const std::filesystem::path& file, const std::string& content);

}  // namespace flowrun
