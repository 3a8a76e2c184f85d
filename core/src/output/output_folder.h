// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/rank.h>
#include <sys/types.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "output/claims.h"
#include "output/files.h"
#include "output/handed_on.h"
#include "output/journal.h"
#include "output/lock.h"

namespace flowrun {

/// A folder that a run writes to, with its journal in `.flowrun/`. A scope is done when it has an entry
/// there; scopes get one by publish(). Thread-safe.
class OutputFolder {
 public:
  /// Creates the folder if need be, takes its lock, and ends what dead runs left (see recover()). Throws
  /// Error when it cannot be written, cannot be locked, or another process holds it. A rank other than 0
  /// reads what rank 0 published; beside it, it has a lock and a room of its own, and must not publish.
  explicit OutputFolder(const std::filesystem::path& folder, const std::optional<Part>& part = {},
                        const LockOptions& options = {}, const Rank& rank = {});
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  /// Absolute and without symbolic links.
  const std::filesystem::path& path() const { return journal_.folder(); }
  /// Where the run, or its part, tells what became of it.
  std::filesystem::path reports() const { return journal_.at("").parent_path(); }
  /// Parts are right only if all share out the same scopes: `digest` says what the part of this run shares
  /// out for an opener. Throws Error when a part that runs now shares out others.
  void agree_on_shares(const std::string& opener, const std::string& digest) const;
  /// To be asked before any work is done for a scope. Throws Error when no files can be named after it.
  void check_scope_name(const std::string& scope) const;
  /// The journal entry of a scope whose units all stand, or null.
  nlohmann::json entry(const std::string& scope) const;

  /// See Scope::stage. `node` is the one that writes. Throws Error when something that flowrun did not make
  /// for this scope is there, or another node or scope writes it.
  std::filesystem::path stage(const std::string& scope, const std::filesystem::path& unit,
                              const std::string& node);
  /// See Scope::hand_on.
  std::filesystem::path hand_on(const std::string& scope, const std::filesystem::path& unit,
                                const std::string& node);
  bool has_staged(const std::string& scope) const;
  /// Removes what the scope has staged, unless it is published already.
  void discard(const std::string& scope);

  /// Waits until all that was published is on the disk.
  void sync() const;
  /// The file system that it lies on.
  dev_t device() const { return device_; }

 private:
  friend class Publishing;
  using Claim = Claims::Claim;
  /// What the last entry of a scope names.
  struct Before {
    bool torn = false;
    std::set<std::string> units;
  };

  std::filesystem::path claim(const std::string& scope, const std::filesystem::path& unit,
                              const Claim& claim);
  void refuse_clash(const std::string& scope, const std::string& unit, const Claim& claim);
  void refuse_foreign(const std::string& scope, const std::string& unit, bool handed_on);
  void refuse_parents(const std::string& scope, const std::string& unit);
  const Before& before(const std::string& scope);
  bool made_for(const std::string& scope, const std::string& unit);
  std::string maker_of(const std::string& unit);

  // The steps of publish().
  void draft(const std::string& scope, Intent intent);
  void intend(const std::string& scope) const;
  void agree(const std::string& scope) const { journal_.agree(scope); }
  void complete(const std::string& scope);
  void roll_back(const std::string& scope);
  void forget(const std::string& scope);

  void recover_all();

  const std::optional<Part> part_;
  const Rank rank_;
  const LockOptions options_;
  const Journal journal_;
  const FolderLock lock_;
  const dev_t device_;
  const std::size_t longest_name_;
  mutable std::mutex mutex_;  // guards all that follows
  Claims claims_;
  HandedOn handed_on_;
  std::map<std::string, Before> before_;   // of scopes that stage
  std::map<std::string, Intent> intents_;  // of scopes that are being published
  int lookups_left_ = 20;                  // of makers: each reads the whole journal
};

}  // namespace flowrun
