// SPDX-License-Identifier: Apache-2.0
#include "tree.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>
#include <string_view>
#include <system_error>

#include "descriptor.h"
#include "folder_entries.h"

namespace flowrun::wsi::collect {
namespace {

namespace fs = std::filesystem;
using Type = FolderEntry::Type;

std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

bool is_slide(Kind kind) {
  return kind != Kind::log && kind != Kind::other;
}

/// Both kinds of files that a slide in this folder may need although nothing in their names says so.
const char* why_kept(const std::vector<FolderEntry>& entries, const std::vector<std::string>& extensions) {
  for (const FolderEntry& entry : entries) {
    if (entry.type != Type::file) continue;
    if (kind_of(entry.name, extensions) == Kind::scattered)
      return "beside a .vms, .vmu or .dcm slide, whose part it may be";
    if (entry.name == "Slidedat.ini") return "part of a MIRAX slide that is not beside its folder";
  }
  return nullptr;
}

class Look {
 public:
  explicit Look(const TreeOptions& options) : options_(options) {}

  Tree take() {
    folder("");
    const auto by_path = [](auto& a, auto& b) { return a.path < b.path; };
    std::sort(tree_.units.begin(), tree_.units.end(), by_path);
    return std::move(tree_);
  }

 private:
  fs::path absolute(const std::string& path) const {
    return path.empty() ? options_.root : options_.root / path;
  }

  bool is_output(const std::string& path) const {
    return std::find(options_.outputs.begin(), options_.outputs.end(), absolute(path)) !=
           options_.outputs.end();
  }

  /// Nothing in it that must be looked at by itself. `kept` becomes why it must stay where it is all the
  /// same.
  bool only_logs(const std::string& path, const char*& kept) const {
    try {
      for (const FolderEntry& entry : entries_of(absolute(path))) {
        const std::string inner = joined(path, entry.name);
        if (entry.type == Type::folder && !only_logs(inner, kept)) return false;
        if (entry.type == Type::file && is_slide(kind_of(entry.name, options_.extensions))) return false;
        if (entry.type == Type::link) kept = "logs with a symbolic link among them";
        if (entry.type == Type::special)
          kept = "logs with something among them that is neither a file nor a folder";
        if (is_hidden(entry.name)) kept = "logs with something hidden among them";
      }
    } catch (const Error&) {
      return false;  // said when it is looked through
    }
    return !is_output(path);
  }

  bool only_slide_data(const std::string& path) const {
    return std::none_of(options_.outputs.begin(), options_.outputs.end(), [&](const fs::path& output) {
      return (output / "").string().starts_with((absolute(path) / "").string());
    });
  }

  void leave(const std::string& path, const char* reason) { tree_.left.push_back({path, reason}); }

  /// Returns whether nothing is left of the folder in the end.
  bool folder(const std::string& path) {
    std::vector<FolderEntry> entries;
    try {
      entries = entries_of(absolute(path));
    } catch (const Error& problem) {
      tree_.failures.push_back({path, problem.what()});
      return false;
    }
    std::set<std::string, std::less<>> folders;
    for (const FolderEntry& entry : entries)
      if (entry.type == Type::folder) folders.insert(entry.name);
    Here here{why_kept(entries, options_.extensions), std::move(folders), {}, !entries.empty()};
    for (const FolderEntry& entry : entries)
      if (entry.type != Type::folder) file(joined(path, entry.name), entry, here);
    for (const std::string& name : here.folders) inner_folder(joined(path, name), name, here);
    take_units(path, here);
    if (here.emptied && !path.empty()) {
      struct stat facts {};
      if (::lstat(absolute(path).c_str(), &facts) == 0)
        tree_.emptied.push_back({path, facts.st_mode & 07777});
    }
    return here.emptied;
  }

  /// A folder being looked through.
  struct Here {
    const char* kept;                            // why others are not to be deleted, or null
    std::set<std::string, std::less<>> folders;  // but those that belong to slides
    std::vector<Unit> units;
    bool emptied;
  };

  void file(const std::string& path, const FolderEntry& entry, Here& here) {
    const auto stays = [&](const char* reason) {
      leave(path, reason);
      here.emptied = false;
    };
    if (entry.type == Type::link) return stays("a symbolic link");
    if (entry.type == Type::special) return stays("neither a file nor a folder");
    const Kind kind = kind_of(entry.name, options_.extensions);
    if (kind == Kind::scattered) return stays("a .vms, .vmu or .dcm slide: its parts have to stay beside it");
    if (kind == Kind::unwanted_slide) return stays("a slide of an extension not asked for");
    if (kind == Kind::slide) return here.units.push_back({path});
    if (kind == Kind::mirax) {
      const auto beside = here.folders.find(stem_of(entry.name));
      const std::string companion(stem_of(path));
      if (beside == here.folders.end() || !only_slide_data(companion))
        return stays("a MIRAX slide without the folder of its name");
      here.folders.erase(beside);
      return here.units.push_back({path, companion});
    }
    if (kind == Kind::log) {
      if (!options_.logs) return stays("a log, and no folder for logs was given");
      return here.units.push_back({path, "", true});
    }
    if (here.kept) return stays(here.kept);
    struct stat facts {};
    if (options_.delete_others && ::lstat(absolute(path).c_str(), &facts) != 0)
      return stays("it cannot be looked at");
    tree_.others.push_back({path, static_cast<std::uint64_t>(facts.st_size),
                            facts.st_mtim.tv_sec * std::int64_t{1'000'000'000} + facts.st_mtim.tv_nsec});
    if (!options_.delete_others) here.emptied = false;
  }

  void inner_folder(const std::string& path, const std::string& name, Here& here) {
    const char* kept = nullptr;
    if (is_output(path)) {
      here.emptied = false;
    } else if (is_hidden(name)) {
      leave(path, "a hidden folder");
      here.emptied = false;
    } else if (is_log_folder(name) && only_logs(path, kept)) {
      if (options_.logs && !kept) return here.units.push_back({path, "", true});
      leave(path, options_.logs ? kept : "logs, and no folder for logs was given");
      here.emptied = false;
    } else if (!folder(path)) {
      here.emptied = false;
    }
  }

  void take_units(const std::string& path, Here& here) {
    if (!here.units.empty() && ::access(absolute(path).c_str(), W_OK | X_OK) != 0) {
      const std::string reason = std::generic_category().message(errno);
      tree_.failures.push_back({path, "nothing can be moved out of this folder: " + reason});
      here.units.clear();
      here.emptied = false;
    }
    std::move(here.units.begin(), here.units.end(), std::back_inserter(tree_.units));
  }

  const TreeOptions& options_;
  Tree tree_;
};

}  // namespace

Tree look_through(const TreeOptions& options) {
  return Look(options).take();
}

}  // namespace flowrun::wsi::collect
