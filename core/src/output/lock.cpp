// SPDX-License-Identifier: Apache-2.0
#include "output/lock.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>

#include "output/files.h"

namespace flowrun {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* whole = "whole";

std::string name_of(const std::optional<Part>& part) {
  return part ? fmt::format("part-{}-of-{}", part->number, part->count) : whole;
}

std::optional<Part> part_of(const std::string& name) {
  return name.starts_with("part-") ? part_in(name.substr(5)) : std::nullopt;
}

bool exclude_each_other(const std::string& a, const std::string& b) {
  const auto part = part_of(a), other = part_of(b);
  const bool both_are_runs = (part || a == whole) && (other || b == whole);
  return both_are_runs && (!part || !other || part->count != other->count || part == other);
}

fs::path locks_in(const fs::path& folder) {
  return folder / ".flowrun" / "locks";
}

fs::path file_of(const fs::path& folder, const std::string& name, std::uint64_t number) {
  return locks_in(folder) / fmt::format("{}.{}", name, number);
}

/// By name: the numbers of the owners that there are files of.
std::map<std::string, std::vector<std::uint64_t>> all_locks(const fs::path& folder) {
  std::map<std::string, std::vector<std::uint64_t>> locks;
  for (const std::string& file : names_in(locks_in(folder))) {
    const auto dot = file.rfind('.');
    std::uint64_t number = 0;
    if (dot == std::string::npos) continue;
    const char* const end = file.data() + file.size();
    if (const auto [at, problem] = std::from_chars(file.data() + dot + 1, end, number);
        at == end && problem == std::errc())
      locks[file.substr(0, dot)].push_back(number);
  }
  for (auto& [name, numbers] : locks) std::sort(numbers.begin(), numbers.end());
  return locks;
}

std::optional<std::uint64_t> newest(const fs::path& folder, const std::string& name) {
  const auto locks = all_locks(folder);
  const auto found = locks.find(name);
  return found == locks.end() ? std::nullopt : std::optional(found->second.back());
}

/// Whoever may make files in the folder could have a lock stand for another file, or wait for ever.
void refuse_odd(const fs::path& file) {
  struct stat facts {};
  if (::lstat(file.c_str(), &facts) == 0 && !S_ISREG(facts.st_mode))
    throw Error(fmt::format("{} is a link or no plain file, so it is no lock of flowrun's; remove it",
                            file.string()));
}

/// The living owner of a lock's file, in words; nothing when it is free or dead.
std::optional<std::string> living_owner(const fs::path& file, const LockOptions& options) {
  refuse_odd(file);
  const auto seen = read_text(file);
  if (!seen) return {};
  const auto owner = LockOwner::from_text(*seen);
  const std::string words = owner ? owner->in_words() : "a process that is not known";
  if (owner && owner->free) return {};
  if (const auto lives = owner ? owner->lives() : std::nullopt)
    return *lives ? std::optional(words) : std::nullopt;
  if (options.on_wait)
    options.on_wait(fmt::format("{} is held by {}; watching whether it lives, for at most {:.0f} s\n",
                                file.string(), words,
                                std::chrono::duration<double>(options.patience).count()));
  for (const auto until = Clock::now() + options.patience; Clock::now() < until;) {
    std::this_thread::sleep_for(options.beat / 20);
    if (const auto now = read_text(file); now != seen) {
      const auto changed = now ? LockOwner::from_text(*now) : std::nullopt;
      return !now || (changed && changed->free) ? std::nullopt : std::optional(words);
    }
  }
  return {};
}

/// Makes a file with this content unless one is there; gives its descriptor, or -1.
int create_once(const fs::path& file, const std::string& content) {
  const fs::path prepared = fmt::format("{}.{}-{:x}", file.string(), ::getpid(),
                                        static_cast<std::uint64_t>(Clock::now().time_since_epoch().count()));
  const auto open_new = [&](const fs::path& path) {
    const int made = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (made < 0 && errno != EEXIST)
      throw Error(fmt::format("cannot write {}: {}", path.string(), why(errno)));
    return made;
  };
  const auto written = [&](int made) {
    // Whole on the disk before it has its name: what is torn by a power cut would have to be watched.
    if (::pwrite(made, content.data(), content.size(), 0) == static_cast<ssize_t>(content.size()) &&
        ::fsync(made) == 0)
      return;
    const int code = errno;
    ::close(made);
    ::unlink(prepared.c_str());
    throw Error(fmt::format("cannot write {}: {}", file.string(), why(code)));
  };
  int made = open_new(prepared);
  if (made < 0) throw Error(fmt::format("cannot write {}: it is there", prepared.string()));
  written(made);
  const int problem = ::link(prepared.c_str(), file.c_str()) == 0 ? 0 : errno;
  struct stat facts {};
  // NFS may say that it failed when only the answer was lost.
  const bool linked = problem == 0 || (::fstat(made, &facts) == 0 && facts.st_nlink == 2);
  ::unlink(prepared.c_str());
  if (linked) return made;
  ::close(made);
  if (problem == EEXIST || problem == ENOENT) return -1;  // ENOENT: see remove_prepared()
  made = open_new(file);                                  // where there are no hard links
  if (made >= 0) written(made);
  return made;
}

/// Those of killed processes; one that lives and finds its own gone begins again.
void remove_prepared(const fs::path& folder) {
  for (const std::string& name : names_in(locks_in(folder)))
    if (name.find('-', name.rfind('.') + 1) != std::string::npos) remove_or_throw(locks_in(folder) / name);
}

/// What a dead process held is nobody's.
void fence(const fs::path& folder, const std::string& name, std::uint64_t number) {
  LockOwner nobody = LockOwner::this_process();
  nobody.free = true;
  if (const int made = create_once(file_of(folder, name, number + 1), nobody.to_text()); made >= 0)
    ::close(made);
}

std::string in_use(const fs::path& folder, const std::string& name, const std::string& owner) {
  const auto part = part_of(name);
  return fmt::format("output folder {} is in use by another flowrun{} ({}); wait for it or choose another",
                     folder.string(), part ? ", which does part " + to_string(*part) : "", owner);
}

}  // namespace

std::string lock_of_rank(int rank) {
  return fmt::format("rank-{}", rank);
}

std::optional<std::string> holder_of(const fs::path& folder, const std::string& name,
                                     const LockOptions& options) {
  for (;;) {
    const auto number = newest(folder, name);
    if (!number) return {};
    if (auto owner = living_owner(file_of(folder, name, *number), options)) return owner;
    const auto now = read_text(file_of(folder, name, *number));
    const auto owner = now ? LockOwner::from_text(*now) : std::nullopt;
    if (owner && owner->free) return {};
    fence(folder, name, *number);
  }
}

std::optional<std::string> holder_of(const fs::path& folder, const std::optional<Part>& part,
                                     const LockOptions& options) {
  return holder_of(folder, name_of(part), options);
}

FolderLock::FolderLock(const fs::path& folder, const std::optional<Part>& part, const LockOptions& options)
    : FolderLock(folder, name_of(part), IfHeld::refuse, options) {
  for (const auto& [other, numbers] : all_locks(folder_)) {
    if (other == name_ || !exclude_each_other(name_, other)) continue;
    // The destructor lets go, as the constructor that was delegated to has ended.
    if (const auto owner = holder_of(folder_, other, options_)) throw Error(in_use(folder_, other, *owner));
  }
  remove_prepared(folder_);
}

FolderLock::FolderLock(const fs::path& folder, const std::string& name, IfHeld if_held,
                       const LockOptions& options)
    : folder_(folder), name_(name), options_(options), owner_(LockOwner::this_process()) {
  create_or_throw(locks_in(folder_));
  take(if_held);
  thread_ = std::jthread([this](std::stop_token stop) { beat(stop); });
}

FolderLock::~FolderLock() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  owner_.free = true;
  show(owner_);
  ::close(descriptor_);
}

void FolderLock::take(IfHeld if_held) {
  for (;;) {
    const auto before = newest(folder_, name_);
    if (before)
      if (const auto owner = living_owner(file_of(folder_, name_, *before), options_)) {
        if (if_held == IfHeld::refuse) throw Error(in_use(folder_, name_, *owner));
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        continue;
      }
    if (create(before ? *before + 1 : 0)) return;
  }
}

/// False: another process was faster.
bool FolderLock::create(std::uint64_t number) {
  const fs::path file = file_of(folder_, name_, number);
  const int made = create_once(file, owner_.to_text());
  if (made < 0) return false;
  const auto all = all_locks(folder_);
  const auto own = all.find(name_);
  // The number may have been given before, and its file removed by those that came after.
  if (own == all.end() || own->second.back() != number) {
    ::close(made);
    ::unlink(file.c_str());
    return false;
  }
  for (const std::uint64_t before : own->second)
    if (before != number) ::unlink(file_of(folder_, name_, before).c_str());
  number_ = number;
  descriptor_ = made;
  return true;
}

void FolderLock::check_held() const {
  if (stands(file_of(folder_, name_, number_)) && !stands(file_of(folder_, name_, number_ + 1))) return;
  throw Error(fmt::format(
      "{} is no longer held by this run: another one took it for dead, as nothing was "
      "heard of it for {:.0f} s; run again when that one has ended",
      file_of(folder_, name_, number_).string(), std::chrono::duration<double>(options_.patience).count()));
}

/// Errors are not told: whoever looks at the lock sees that nothing changes.
void FolderLock::show(LockOwner owner) const {
  const std::string text = owner.to_text();
  if (::pwrite(descriptor_, text.data(), text.size(), 0) > 0) ::fdatasync(descriptor_);
}

void FolderLock::beat(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, stop, options_.beat, [&] { return stop.stop_requested(); })) {
    ++owner_.beats;
    show(owner_);
  }
}

}  // namespace flowrun
