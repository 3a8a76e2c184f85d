// SPDX-License-Identifier: Apache-2.0
#include "output/output_folder.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "output/figures.h"
#include "output/names.h"
#include "output/recovery.h"

namespace flowrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

[[noreturn]] void throw_no_folder(const fs::path& folder, const std::string& reason) {
  throw Error(fmt::format("cannot create the output folder {}: {}", folder.string(), reason));
}

void refuse_dangling(const fs::path& folder) {
  std::error_code unseen;
  if (!fs::is_symlink(fs::symlink_status(folder, unseen)) || fs::exists(folder, unseen)) return;
  throw_no_folder(folder,
                  fmt::format("it is a symbolic link to {}, where no folder is; create that one first",
                              fs::read_symlink(folder, unseen).string()));
}

fs::path canonical_folder(const fs::path& given) {
  std::error_code problem;
  fs::path folder = fs::absolute(given, problem).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // `out/`
  refuse_dangling(folder);
  fs::path canonical = fs::weakly_canonical(folder, problem);
  if (problem) throw_no_folder(folder, problem.message());
  return canonical;
}

Journal with_journal(const fs::path& given, const Room& room) {
  Journal journal(canonical_folder(given), room);
  for (const fs::path& each : {journal.done(), journal.at("publishing"), journal.at("staging")}) {
    std::error_code problem;
    fs::create_directories(each, problem);
    if (problem) throw_no_folder(journal.folder(), problem.message());
  }
  return journal;
}

dev_t device_of(int descriptor) {
  struct stat found {};
  return ::fstat(descriptor, &found) == 0 ? found.st_dev : 0;
}

constexpr const char* advice = "give one of them another `dir`";

}  // namespace

OutputFolder::OutputFolder(const fs::path& folder, const std::optional<Part>& part,
                           const LockOptions& options, const Rank& rank)
    : part_(part),
      rank_(rank),
      options_(options),
      journal_(with_journal(folder, room_of(part, rank))),
      lock_(rank.number > 0
                ? FolderLock(path(), lock_of_rank(rank.number), FolderLock::IfHeld::refuse, options)
                : FolderLock(path(), part, options)),
      device_(device_of(lock_.descriptor())),
      longest_name_(longest_name(path())),
      handed_on_(journal_) {
  recover_all();
}

/// What was begun by runs that are dead: of all rooms, but for those of other parts of the same count, and of
/// other ranks. Those may live, and do other scopes, or publish nothing.
void OutputFolder::recover_all() {
  for (const std::string& name : names_in(reports()))
    if (name.starts_with("shares.")) remove_or_throw(reports() / name);
  // A part that starts now and finds its room empty must not meet another one that is still clearing it.
  std::optional<FolderLock> one_at_a_time;
  if (part_) one_at_a_time.emplace(path(), "recovery", FolderLock::IfHeld::wait, options_);
  for (const Room& room : journal_.rooms()) {
    const auto other = part_in(room);
    if (part_ && other && other->count == part_->count && other != part_) continue;
    if (rank_.number > 0 && room != journal_.room()) continue;
    if (const auto rank = rank_in(room); rank && rank != rank_.number)
      if (*rank < rank_.count || holder_of(path(), lock_of_rank(*rank), options_)) continue;
    const Journal journal(path(), room);
    if (stands(journal.at("publishing")) && stands(journal.at("staging"))) recover(journal, handed_on_);
  }
}

void OutputFolder::agree_on_shares(const std::string& opener, const std::string& digest) const {
  const auto file_of = [&](const Room& room) { return path() / ".flowrun" / room / ("shares." + opener); };
  write_whole(file_of(journal_.room()), digest + "\n");
  for (const Room& room : journal_.rooms()) {
    const auto other = part_in(room);
    if (!other || other->count != part_->count || other == part_) continue;
    const auto theirs = read_text(file_of(room));
    if (!theirs || *theirs == digest + "\n") continue;
    if (const auto holder = holder_of(path(), other, options_))
      throw Error(
          fmt::format("part {} ({}) of the output folder {} shares out other scopes of '{}': since it "
                      "began, their list or a file's size has changed, so some would be done twice "
                      "or not at all; run again when it has ended",
                      to_string(*other), *holder, path().string(), opener));
  }
}

void OutputFolder::check_scope_name(const std::string& scope) const {
  flowrun::check_scope_name(scope, path(), longest_name_);
}

json OutputFolder::entry(const std::string& scope) const {
  try {
    json entry = journal_.entry(scope);
    if (!entry.is_object()) return {};
    std::error_code unseen;
    for (const std::string& unit : units_of(entry))
      if (!fs::exists(path() / unit, unseen)) return {};
    return entry;
  } catch (const Error&) {
    return {};  // what cannot be read is to be made again
  }
}

const OutputFolder::Before& OutputFolder::before(const std::string& scope) {
  if (const auto known = before_.find(scope); known != before_.end()) return known->second;
  const json entry = journal_.entry(scope);
  const auto units = units_of(entry);
  return before_[scope] = {entry.is_discarded(), {units.begin(), units.end()}};
}

bool OutputFolder::made_for(const std::string& scope, const std::string& unit) {
  const Before& last = before(scope);
  if (last.torn) return true;  // of a disk that lost power; what it named is to be redone
  return any_around(unit, [&](const auto& around) { return last.units.contains(around); });
}

fs::path OutputFolder::stage(const std::string& scope, const fs::path& unit, const std::string& node) {
  return claim(scope, unit, {node, false});
}

fs::path OutputFolder::hand_on(const std::string& scope, const fs::path& unit, const std::string& node) {
  return claim(scope, unit, {node, true});
}

fs::path OutputFolder::claim(const std::string& scope, const fs::path& given, const Claim& claim) {
  const std::string unit = checked_unit(given, path(), longest_name_);
  const fs::path temporary = journal_.staging(scope) / unit;
  std::scoped_lock lock(mutex_);
  if (claims_.has(scope, unit, claim.node)) return temporary;
  refuse_clash(scope, unit, claim);
  refuse_foreign(scope, unit, claim.handed_on);
  create_or_throw(temporary.parent_path());
  claims_.add(scope, unit, claim);  // last: whoever finds it may write
  return temporary;
}

void OutputFolder::refuse_clash(const std::string& scope, const std::string& unit, const Claim& claim) {
  const auto both = [&](const std::string& other) {
    return other == unit ? fmt::format("both write '{}'", unit)
                         : fmt::format("write '{}' and '{}', one inside the other,", unit, other);
  };
  if (const auto clash = claims_.within(scope, unit, claim.node))
    throw Error(fmt::format("the nodes '{}' and '{}' {} to the folder {}; {}", claim.node, clash->node,
                            both(clash->unit), path().string(), advice));
  if (const auto clash = claims_.elsewhere(scope, unit, claim.handed_on)) {
    const std::string other = clash->scope.empty() ? maker_of(clash->unit) : clash->scope;
    const std::string nodes = clash->node.empty()
                                  ? fmt::format("node '{}'", claim.node)
                                  : fmt::format("nodes '{}' and '{}'", claim.node, clash->node);
    throw Error(fmt::format("'{}' and {} {} to the folder {} ({}); {}", scope,
                            other.empty() ? "another scope" : "'" + other + "'", both(clash->unit),
                            path().string(), nodes, advice));
  }
}

/// A file or link among the folders above a unit would be found too late, when the unit is moved into place.
void OutputFolder::refuse_parents(const std::string& scope, const std::string& unit) {
  for (auto end = unit.find('/'); end != std::string::npos; end = unit.find('/', end + 1)) {
    const fs::path parent = path() / unit.substr(0, end);
    struct stat found {};
    const auto look = [&] { return ::stat(parent.c_str(), &found) == 0 ? 0 : errno; };
    int code = look();
    if (code == ENOENT) {
      if (!stands(parent)) return;
      code = look();  // another part may have made it meanwhile
    }
    if (code == 0 && S_ISDIR(found.st_mode) && found.st_dev == device_) continue;
    if (made_for(scope, unit.substr(0, end))) return;  // and will be replaced
    const std::string what = code != 0                ? "cannot be looked at: " + why(code)
                             : S_ISDIR(found.st_mode) ? "is on another file system than the output folder"
                                                      : "is no folder";
    throw Error(
        fmt::format("{} {}; so '{}' cannot be put in it; move it away or choose another output folder",
                    parent.string(), what, unit));
  }
}

void OutputFolder::refuse_foreign(const std::string& scope, const std::string& unit, bool handed_on) {
  refuse_parents(scope, unit);
  if (!stands(path() / unit) || made_for(scope, unit)) return;
  if (handed_on && handed_on_.holder(scope, unit)) return;
  const std::string place = (path() / unit).string();
  if (const std::string maker = maker_of(unit); !maker.empty())
    throw Error(fmt::format("{} was made for '{}', so '{}' does not replace it; move it away or {}", place,
                            maker, scope, "choose another output folder for one of the two"));
  throw Error(
      fmt::format("{} exists and was not made by flowrun{}; move it away or choose another output folder",
                  place, lookups_left_ > 0 ? "" : fmt::format(" for '{}'", scope)));
}

/// The scope whose entry names the unit, or empty.
std::string OutputFolder::maker_of(const std::string& unit) {
  if (lookups_left_ == 0) return {};
  --lookups_left_;
  for (const std::string& scope : journal_.done_scopes()) {
    const auto units = units_of(entry(scope));
    if (std::any_of(units.begin(), units.end(),
                    [&](const auto& known) { return lies_in(unit, known) || lies_in(known, unit); }))
      return scope;
  }
  return {};
}

bool OutputFolder::has_staged(const std::string& scope) const {
  std::scoped_lock lock(mutex_);
  return !claims_.of(scope).empty();
}

void OutputFolder::discard(const std::string& scope) {
  std::scoped_lock lock(mutex_);
  forget(scope);
  if (!journal_.has_intent(scope)) remove_or_throw(journal_.staging(scope));
}

void OutputFolder::sync() const {
  sync_file_system(lock_.descriptor(), path());
}

void OutputFolder::intend(const std::string& scope) const {
  lock_.check_held();
  journal_.intend(scope);
}

void OutputFolder::draft(const std::string& scope, Intent intent) {
  std::scoped_lock lock(mutex_);
  std::vector<std::string> units, handed_on;
  for (const auto& [unit, claim] : claims_.of(scope)) {
    if (!stands(journal_.staging(scope) / unit)) continue;  // announced, but there was nothing to write
    refuse_foreign(scope, unit, claim.handed_on);           // it may have come since
    units.push_back(unit);
    if (claim.handed_on) handed_on.push_back(unit);
  }
  for (const std::string& old : before(scope).units)
    if (std::find(units.begin(), units.end(), old) == units.end() && !claims_.elsewhere(scope, old, false))
      intent.remove.push_back(old);
  intent.folder = path();
  make_figures_relative(intent.entry, path());
  intent.before = publication_of(journal_.entry(scope));
  intent.entry["outputs"] = units;
  if (!handed_on.empty()) intent.entry["handed_on"] = handed_on;
  journal_.draft(scope, intent);
  intents_[scope] = std::move(intent);
}

void OutputFolder::complete(const std::string& scope) {
  std::unique_lock lock(mutex_);
  const Intent intent = std::move(intents_.at(scope));
  // Also when it fails, as the next run then completes it.
  claims_.publish(scope, units_of(intent.entry));
  forget(scope);
  lock.unlock();  // nobody who stages waits until large folders are removed
  journal_.complete(scope, intent, [&] {
    std::scoped_lock again(mutex_);
    handed_on_.take_over(scope, intent.entry);
  });
}

void OutputFolder::forget(const std::string& scope) {
  claims_.drop(scope);
  before_.erase(scope);
  intents_.erase(scope);
}

void OutputFolder::roll_back(const std::string& scope) {
  std::scoped_lock lock(mutex_);
  forget(scope);
  journal_.roll_back(scope);
}

}  // namespace flowrun
