// SPDX-License-Identifier: Apache-2.0
#include "collector.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "collect_plan.h"
#include "descriptor.h"
#include "journal.h"
#include "name_apart.h"
#include "nodes/table/slide_list.h"
#include "run_plan.h"

namespace flowrun::wsi::collect {
namespace {

namespace fs = std::filesystem;

fs::path true_path(const fs::path& path) {
  std::error_code problem;
  fs::path out = fs::weakly_canonical(fs::absolute(path), problem);
  if (problem) fail("look at", path, problem.value());
  return out.has_filename() ? out : out.parent_path();
}

void check_folder(const char* option, const fs::path& path, bool must_exist) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  const std::string name = printable(path.string());
  if (!fs::exists(status)) {
    if (must_exist) throw OptionError(option, fmt::format("{}: there is no such folder", name));
  } else if (!fs::is_directory(status)) {
    throw OptionError(option, fmt::format("{} is not a folder", name));
  }
}

/// One message instead of one a folder.
void check_writable(const fs::path& source) {
  if (::access(source.c_str(), W_OK) != 0 && errno == EROFS)
    throw Error(fmt::format("nothing can be moved out of {}: {}", printable(source.string()),
                            std::generic_category().message(EROFS)));
}

void make_folders(const fs::path& folder, std::vector<fs::path>& made) {
  std::vector<fs::path> missing;
  for (fs::path at = folder; !is_there(at); at = at.parent_path()) missing.push_back(at);
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) fail("make", folder, problem.value());
  made.insert(made.end(), missing.rbegin(), missing.rend());
}

/// The tree, and what it may lose: others only if the user agrees.
Tree look(const TreeOptions& options, const CollectCalls& calls, bool dry_run, bool& delete_others) {
  Tree tree = look_through(options);
  delete_others = options.delete_others && !tree.others.empty();
  if (!delete_others || dry_run) return tree;
  std::vector<std::string> paths;
  for (const Other& other : tree.others) paths.push_back((options.root / other.path).string());
  if (calls.may_delete(paths)) return tree;
  delete_others = false;
  TreeOptions keeping = options;
  keeping.delete_others = false;
  return look_through(keeping);
}

/// An interrupted run is finished by one that was asked for the same.
void check_same_source(const Plan& interrupted, const Plan& plan) {
  if (interrupted.source == plan.source) return;
  const std::string source = printable(interrupted.source.string()), slides = printable(plan.slides.string());
  throw Error(fmt::format(
      "an interrupted run that moves slides from {0} to {1} has to be finished first; run flowrun "
      "collect {0} --slides {1}, or take it back with --undo {1}",
      source, slides));
}

void add_remarks(std::vector<Remark>& to, const std::vector<Remark>& from, const fs::path& root) {
  for (const Remark& remark : from) to.push_back({(root / remark.path).string(), remark.text});
}

}  // namespace

void check(const CollectOptions& options) {
  if (options.slides.empty()) throw OptionError("slides", "a folder to move slides to is needed");
  const fs::path source = true_path(options.source);
  if (source == true_path(options.slides))
    throw OptionError("slides", "must be another folder than the source");
  if (!options.logs.empty() && source == true_path(options.logs))
    throw OptionError("logs", "must be another folder than the source");
}

CollectResult collect(const CollectOptions& options, const CollectCalls& calls) {
  check(options);
  check_folder("source", options.source, true);
  check_folder("slides", options.slides, false);
  if (!options.logs.empty()) check_folder("logs", options.logs, false);
  Plan plan{true_path(options.source), true_path(options.slides),
            options.logs.empty() ? fs::path() : true_path(options.logs)};
  check_writable(plan.source);

  CollectResult result;
  PlanRunner runner(calls, result, options.delete_others);
  const Journal journal(plan.slides);
  std::optional<FolderLock> lock, logs_lock;
  if (!options.dry_run) {
    make_folders(plan.slides, plan.made);
    lock.emplace(plan.slides);
    if (!plan.logs.empty()) make_folders(plan.logs, plan.made);
  }
  for (const auto& [number, done] : journal.plans()) {
    if (done) continue;
    check_same_source(journal.read(number), plan);
    if (options.dry_run) {
      calls.say("an interrupted run has to be finished first; this is what is left of it");
      runner.pretend(journal.read(number));
      return result;
    }
    runner.go_on(journal, number);
    if (runner.stopped()) return result;
  }
  if (!plan.logs.empty() && plan.logs != plan.slides && !options.dry_run) logs_lock.emplace(plan.logs);

  TreeOptions tree_options{
      plan.source, {plan.slides}, options.extensions, !plan.logs.empty(), options.delete_others};
  if (!plan.logs.empty()) tree_options.outputs.push_back(plan.logs);
  if (options.extensions.empty()) tree_options.extensions = default_extensions();
  bool delete_others = false;
  const Tree tree = look(tree_options, calls, options.dry_run, delete_others);
  std::vector<Remark> failures = tree.failures;
  add_operations(plan, tree, delete_others, failures);
  add_remarks(result.failures, failures, plan.source);
  add_remarks(result.left, tree.left, plan.source);
  if (!delete_others)
    for (const Other& other : tree.others) result.left.push_back({(plan.source / other.path).string(), ""});

  if (options.dry_run)
    runner.pretend(plan);
  else if (!plan.operations.empty() && !calls.interrupted())
    runner.run(plan, journal, journal.write(plan));
  else
    result.interrupted = calls.interrupted();
  return result;
}

CollectResult undo(const fs::path& given, bool dry_run, const CollectCalls& calls) {
  const fs::path slides = true_path(given);
  const Journal journal(slides);
  const std::string name = printable(slides.string());
  if (journal.plans().empty())
    throw Error(fmt::format("nothing was collected into {}: there is nothing to undo", name));
  CollectResult result;
  PlanRunner runner(calls, result, false);
  if (dry_run) {
    const auto plans = journal.plans();
    for (auto it = plans.rbegin(); it != plans.rend(); ++it) runner.pretend_back(journal.read(it->first));
    return result;
  }
  std::optional<FolderLock> lock(std::in_place, slides);
  runner.undo_all(journal, slides);
  return result;
}

}  // namespace flowrun::wsi::collect
