// SPDX-License-Identifier: Apache-2.0
#include "collect_plan.h"

#include <flowrun/error.h>
#include <sys/stat.h>

#include <cerrno>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "content.h"
#include "descriptor.h"
#include "folder_entries.h"
#include "name_apart.h"
#include "transfer.h"

namespace flowrun::wsi::collect {
namespace {

namespace fs = std::filesystem;

/// Where a unit is or will be kept.
struct Kept {
  std::string name;
  fs::path content, companion;  // where they are now; no companion: empty
};

class Planner {
 public:
  explicit Planner(Plan& plan) : plan_(plan), root_(plan.source.filename().string()) {
    for (const fs::path& place : {plan.slides, plan.logs})
      if (!place.empty() && is_there(place))
        for (FolderEntry& entry : entries_of(place)) taken_[place].insert(std::move(entry.name));
  }

  void add(const Unit& unit) {
    const Kept here{"", plan_.source / unit.path,
                    unit.companion.empty() ? fs::path() : plan_.source / unit.companion};
    const fs::path& place = unit.log ? plan_.logs : plan_.slides;
    std::vector<Kept>& namesakes = namesakes_[(unit.log ? "l/" : "s/") + name_apart(unit.path, root_, 0)];
    for (const Kept& other : namesakes)
      if (same(here, other)) return remove(unit, other.name);
    auto& taken = taken_[place];
    for (std::size_t attempt = 0;; ++attempt) {
      const std::string name = name_apart(unit.path, root_, attempt);
      const std::string companion = unit.companion.empty() ? "" : std::string(stem_of(name));
      const bool free = !taken.contains(name) && (companion.empty() || !taken.contains(companion));
      if (free) {
        taken.insert(name);
        if (!companion.empty()) taken.insert(companion);
        namesakes.push_back({name, here.content, here.companion});
        return move(unit, name);
      }
      const Kept there{name, place / name, companion.empty() ? fs::path() : place / companion};
      if (is_there(there.content) && same(here, there)) {
        namesakes.push_back(there);
        return remove(unit, name);
      }
    }
  }

 private:
  static bool same(const Kept& a, const Kept& b) {
    if (a.companion.empty() != b.companion.empty() || !same_content(a.content, b.content)) return false;
    return a.companion.empty() || same_content(a.companion, b.companion);
  }

  void move(const Unit& unit, const std::string& name) {
    if (!unit.companion.empty())
      plan_.operations.push_back(
          {Operation::Kind::move, unit.log, unit.companion, std::string(stem_of(name)), true});
    plan_.operations.push_back({Operation::Kind::move, unit.log, unit.path, name});
  }

  void remove(const Unit& unit, const std::string& kept) {
    const bool companion = !unit.companion.empty();
    if (companion) remove(unit.companion, std::string(stem_of(kept)), unit.log, true);
    remove(unit.path, kept, unit.log, false);
  }

  /// Of a folder each file is removed by itself, so that each can come back with its time and permissions.
  void remove(const std::string& path, const std::string& kept, bool log, bool companion) {
    const fs::path place = plan_.source / path;
    struct stat facts {};
    if (::lstat(place.c_str(), &facts) != 0) fail("read", place, errno);
    const unsigned mode = facts.st_mode & 07777;
    if (S_ISDIR(facts.st_mode)) {
      for (const FolderEntry& entry : entries_of(place))
        remove(path + "/" + entry.name, kept + "/" + entry.name, log, companion);
      plan_.operations.push_back({Operation::Kind::remove_folder, log, path, "", companion, mode});
    } else {
      const std::int64_t modified =
          facts.st_mtim.tv_sec * std::int64_t{1'000'000'000} + facts.st_mtim.tv_nsec;
      plan_.operations.push_back({Operation::Kind::duplicate, log, path, kept, companion, mode, modified});
    }
  }

  Plan& plan_;
  const std::string root_;
  std::map<fs::path, std::unordered_set<std::string>> taken_;
  std::unordered_map<std::string, std::vector<Kept>> namesakes_;  // by their own name
};

}  // namespace

std::string own_name(const Plan& plan, const Operation& operation) {
  return name_apart(operation.from, plan.source.filename().string(), 0);
}

void add_operations(Plan& plan, const Tree& tree, bool delete_others, std::vector<Remark>& failures) {
  Planner planner(plan);
  for (const Unit& unit : tree.units) {
    try {
      planner.add(unit);
    } catch (const Error& problem) {
      failures.push_back({unit.path, problem.what()});
    }
  }
  if (delete_others)
    for (const Other& other : tree.others)
      plan.operations.push_back(
          {Operation::Kind::erase, false, other.path, "", false, 0, other.modified, other.bytes});
  for (const Folder& folder : tree.emptied)
    plan.operations.push_back({Operation::Kind::remove_folder, false, folder.path, "", false, folder.mode});
}

}  // namespace flowrun::wsi::collect
