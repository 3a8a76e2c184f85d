// SPDX-License-Identifier: Apache-2.0
#include "output/output_folder.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

namespace flowrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string why(int code) {
  return std::generic_category().message(code);
}

json read_json(const fs::path& file) {
  std::ifstream in(file);
  return in ? json::parse(in, nullptr, false) : json();
}

/// A unit lies inside the output folder; a journal that says otherwise must never make us remove anything.
bool stays_inside(const fs::path& unit) {
  const fs::path normal = unit.lexically_normal();
  return !normal.empty() && normal.is_relative() && *normal.begin() != ".." && *normal.begin() != "." &&
         *normal.begin() != ".flowrun";
}

/// Bytes that are no UTF-8 can stand in messages; they must not keep a journal from being written.
std::string to_text(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace);
}

std::vector<fs::path> units_of(const json& entry, const char* which = "outputs") {
  std::vector<fs::path> units;
  if (!entry.is_object() || !entry.contains(which)) return units;
  for (const auto& unit : entry[which])
    if (unit.is_string() && stays_inside(unit.get<std::string>()))
      units.emplace_back(unit.get<std::string>());
  return units;
}

void remove_temporaries(const fs::path& folder) {
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".tmp") left.push_back(entry.path());
  for (const fs::path& file : left) fs::remove(file);
}

json to_json(const std::set<fs::path>& units) {
  json out = json::array();
  for (const fs::path& unit : units) out.push_back(unit.string());
  return out;
}

/// Makes sure that a file's content is on the disk.
void sync_or_throw(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  const bool good = descriptor >= 0 && ::fsync(descriptor) == 0;
  const int code = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!good) throw Error(fmt::format("cannot write {}: {}", file.string(), why(code)));
}

void rename_or_throw(const fs::path& from, const fs::path& to) {
  std::error_code problem;
  fs::rename(from, to, problem);
  if (problem)
    throw Error(fmt::format("cannot rename {} to {}: {}", from.string(), to.string(), problem.message()));
}

void remove_or_throw(const fs::path& path) {
  std::error_code problem;
  fs::remove_all(path, problem);
  if (problem) throw Error(fmt::format("cannot remove {}: {}", path.string(), problem.message()));
}

void create_or_throw(const fs::path& folder) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem)
    throw Error(fmt::format("cannot create the output folder {}: {}", folder.string(), problem.message()));
}

}  // namespace

void write_whole(const fs::path& file, const std::string& content) {
  fs::path temporary = file;
  temporary += ".tmp";
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  bool good = descriptor >= 0;
  for (std::size_t done = 0; good && done < content.size();) {
    const auto n = ::write(descriptor, content.data() + done, content.size() - done);
    good = n > 0;
    done += good ? static_cast<std::size_t>(n) : 0;
  }
  good = good && ::fsync(descriptor) == 0;
  const int code = errno;
  if (descriptor >= 0) ::close(descriptor);
  if (!good) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw Error(fmt::format("cannot write {}: {}", file.string(), why(code)));
  }
  rename_or_throw(temporary, file);
}

std::vector<std::exception_ptr> publish(std::vector<Publication>& batch) {
  std::vector<std::exception_ptr> out;
  for (auto& p : batch) {
    std::exception_ptr e;
    try {
      for (auto* f : p.folders) f->publish(p.scope, p.entry);
    } catch (...) {
      e = std::current_exception();
    }
    out.push_back(e);
  }
  return out;
}

OutputFolder::OutputFolder(fs::path folder) : folder_(fs::absolute(folder).lexically_normal()) {
  journal_ = folder_ / ".flowrun";
  for (const char* kind : {"done", "publishing", "staging"}) create_or_throw(journal_ / kind);
  take_lock();
  clean_up();
}

OutputFolder::~OutputFolder() {
  if (lock_ >= 0) ::close(lock_);
}

void OutputFolder::take_lock() {
  const fs::path file = journal_ / "lock";
  lock_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0)
    throw Error(fmt::format("cannot write to the output folder {}: {}", folder_.string(), why(errno)));
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) {
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(lock_, 0) != 0 || ::write(lock_, pid.data(), pid.size()) < 0)
      throw Error(fmt::format("cannot write {}: {}", file.string(), why(errno)));
    return;
  }
  std::string holder;
  std::getline(std::ifstream(file), holder);
  ::close(std::exchange(lock_, -1));
  throw Error(
      fmt::format("output folder {} is in use by another flowrun (process {}); wait for it or choose another",
                  folder_.string(), holder));
}

void OutputFolder::clean_up() {
  remove_temporaries(journal_ / "done");
  remove_temporaries(journal_ / "publishing");
  for (const auto& intent : fs::directory_iterator(journal_ / "publishing")) {
    const json wanted = read_json(intent.path());
    if (wanted.is_object() && !units_of(wanted, "handed_on").empty()) {
      complete(intent.path().stem().string(), wanted);
      continue;
    }
    const fs::path done = journal_ / "done" / intent.path().filename();
    // The entry is written last. The intent's own entry: only the intent was left to remove.
    if (wanted.is_object() && read_json(done) != wanted.value("entry", json())) {
      remove_or_throw(done);
      for (const fs::path& unit : units_of(wanted)) remove_or_throw(folder_ / unit);
    }
    remove_or_throw(intent.path());
  }
  remove_or_throw(journal_ / "staging");
  create_or_throw(journal_ / "staging");
}

fs::path OutputFolder::place(const char* kind, const std::string& scope) const {
  return journal_ / kind / (scope + ".json");
}

json OutputFolder::entry(const std::string& scope) const {
  json entry = read_json(place("done", scope));
  for (const fs::path& unit : units_of(entry))
    if (!fs::exists(folder_ / unit)) return {};
  return entry.is_object() ? entry : json();
}

bool OutputFolder::ours(const std::string& scope, const fs::path& unit) const {
  const json entry = read_json(place("done", scope));
  if (entry.is_discarded()) return true;  // of a disk that lost power; what it named is to be redone
  for (const fs::path& known : units_of(entry))
    if (known == unit) return true;
  return false;
}

std::set<std::string> OutputFolder::done_scopes_of_opener(const std::string& scope) const {
  const std::string opener = scope.substr(0, scope.find('.') + 1);  // see journal_name()
  std::set<std::string> scopes;
  for (const auto& entry : fs::directory_iterator(journal_ / "done"))
    if (entry.path().extension() == ".json" && entry.path().filename().string().starts_with(opener))
      scopes.insert(entry.path().stem().string());
  return scopes;
}

fs::path OutputFolder::stage(const std::string& scope, const fs::path& unit) {
  return stage(scope, unit, false);
}

fs::path OutputFolder::hand_on(const std::string& scope, const fs::path& unit) {
  return stage(scope, unit, true);
}

fs::path OutputFolder::stage(const std::string& scope, const fs::path& unit, bool handed_on) {
  if (!stays_inside(unit)) throw Error(fmt::format("'{}' is not inside the output folder", unit.string()));
  const fs::path temporary = journal_ / "staging" / scope / unit;
  std::scoped_lock lock(mutex_);
  Staged& staged = staged_[scope];
  if (staged.units.contains(unit)) return temporary;
  const auto made_here = [&] {
    if (ours(scope, unit)) return true;
    if (!handed_on) return false;
    const auto others = done_scopes_of_opener(scope);
    return std::any_of(others.begin(), others.end(), [&](const auto& other) { return ours(other, unit); });
  };
  if (fs::exists(folder_ / unit) && !made_here())
    throw Error(
        fmt::format("{} exists and was not made by flowrun; move it away or choose another output folder",
                    (folder_ / unit).string()));
  create_or_throw(temporary.parent_path());
  if (handed_on) staged.handed_on.insert(unit);
  staged.units.insert(unit);  // last: whoever finds it may write
  return temporary;
}

OutputFolder::Staged OutputFolder::take_staged(const std::string& scope) {
  std::scoped_lock lock(mutex_);
  const auto node = staged_.extract(scope);
  return node ? node.mapped() : Staged{};
}

bool OutputFolder::has_staged(const std::string& scope) const {
  std::scoped_lock lock(mutex_);
  return staged_.contains(scope);
}

void OutputFolder::publish(const std::string& scope, json entry) {
  const Staged staged = take_staged(scope);
  entry["outputs"] = to_json(staged.units);
  std::set<fs::path> touched = staged.units;
  for (const fs::path& old : units_of(read_json(place("done", scope)))) touched.insert(old);
  const json intent{
      {"entry", entry}, {"outputs", to_json(touched)}, {"handed_on", to_json(staged.handed_on)}};
  for (const fs::path& unit : staged.handed_on) sync_or_throw(journal_ / "staging" / scope / unit);

  write_whole(place("publishing", scope), to_text(intent));
  // What is handed on replaces what was: if that fails half-way, the next run completes it.
  if (!staged.handed_on.empty()) return complete(scope, intent);
  try {
    remove_or_throw(place("done", scope));
    for (const fs::path& unit : touched) remove_or_throw(folder_ / unit);
    complete(scope, intent);
  } catch (...) {  // a full disk, say: rather nothing than a part
    for (const fs::path& unit : touched) remove_or_throw(folder_ / unit);
    remove_or_throw(place("publishing", scope));
    throw;
  }
}

void OutputFolder::complete(const std::string& scope, const json& intent) {
  const json entry = intent.value("entry", json());
  const auto handed_on = units_of(intent, "handed_on");
  const auto keeps = units_of(entry);
  const auto among = [](const std::vector<fs::path>& units, const fs::path& unit) {
    return std::find(units.begin(), units.end(), unit) != units.end();
  };
  for (const fs::path& unit : units_of(intent)) {
    const fs::path staged = journal_ / "staging" / scope / unit;
    if (!among(keeps, unit)) remove_or_throw(folder_ / unit);
    if (!among(keeps, unit) || !fs::exists(staged)) continue;
    if (fs::is_directory(folder_ / unit)) remove_or_throw(folder_ / unit);
    create_or_throw((folder_ / unit).parent_path());
    rename_or_throw(staged, folder_ / unit);
  }
  if (!handed_on.empty())
    for (const std::string& other : done_scopes_of_opener(scope)) {
      json before = read_json(place("done", other));
      std::set<fs::path> left;
      const auto had = units_of(before);
      for (const fs::path& unit : had)
        if (!among(handed_on, unit)) left.insert(unit);
      if (other == scope || left.size() == had.size()) continue;
      before["outputs"] = to_json(left);
      write_whole(place("done", other), to_text(before) + "\n");
    }
  write_whole(place("done", scope), to_text(entry) + "\n");
  remove_or_throw(place("publishing", scope));
  remove_or_throw(journal_ / "staging" / scope);
}

void OutputFolder::discard(const std::string& scope) {
  take_staged(scope);
  if (fs::exists(place("publishing", scope))) return;  // the next run completes it
  remove_or_throw(journal_ / "staging" / scope);
}

}  // namespace flowrun
