// SPDX-License-Identifier: Apache-2.0
#include "output_folder.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

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

std::vector<fs::path> units_of(const json& entry) {
  std::vector<fs::path> units;
  if (!entry.is_object() || !entry.contains("outputs")) return units;
  for (const auto& unit : entry["outputs"])
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

fs::path OutputFolder::stage(const std::string& scope, const fs::path& unit) {
  if (!stays_inside(unit)) throw Error(fmt::format("'{}' is not inside the output folder", unit.string()));
  const fs::path temporary = journal_ / "staging" / scope / unit;
  std::scoped_lock lock(mutex_);
  if (staged_[scope].contains(unit)) return temporary;
  if (fs::exists(folder_ / unit) && !ours(scope, unit))
    throw Error(
        fmt::format("{} exists and was not made by flowrun; move it away or choose another output folder",
                    (folder_ / unit).string()));
  create_or_throw(temporary.parent_path());
  staged_[scope].insert(unit);  // last: whoever finds it may write
  return temporary;
}

std::set<fs::path> OutputFolder::take_staged(const std::string& scope) {
  std::scoped_lock lock(mutex_);
  const auto node = staged_.extract(scope);
  return node ? node.mapped() : std::set<fs::path>{};
}

bool OutputFolder::has_staged(const std::string& scope) const {
  std::scoped_lock lock(mutex_);
  return staged_.contains(scope);
}

void OutputFolder::publish(const std::string& scope, json entry) {
  const std::set<fs::path> units = take_staged(scope);
  entry["outputs"] = json::array();
  for (const fs::path& unit : units) entry["outputs"].push_back(unit.string());

  std::set<fs::path> touched = units;
  for (const fs::path& old : units_of(read_json(place("done", scope)))) touched.insert(old);
  json intent{{"entry", entry}, {"outputs", json::array()}};
  for (const fs::path& unit : touched) intent["outputs"].push_back(unit.string());

  write_whole(place("publishing", scope), to_text(intent));
  try {
    remove_or_throw(place("done", scope));
    for (const fs::path& unit : touched) remove_or_throw(folder_ / unit);
    for (const fs::path& unit : units) {
      create_or_throw((folder_ / unit).parent_path());
      rename_or_throw(journal_ / "staging" / scope / unit, folder_ / unit);
    }
    write_whole(place("done", scope), to_text(entry) + "\n");
  } catch (...) {  // a full disk, say: rather nothing than a part
    for (const fs::path& unit : touched) remove_or_throw(folder_ / unit);
    remove_or_throw(place("publishing", scope));
    throw;
  }
  remove_or_throw(place("publishing", scope));
  remove_or_throw(journal_ / "staging" / scope);
}

void OutputFolder::discard(const std::string& scope) {
  take_staged(scope);
  remove_or_throw(journal_ / "staging" / scope);
}

}  // namespace flowrun
