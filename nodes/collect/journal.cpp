// SPDX-License-Identifier: Apache-2.0
#include "journal.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>

#include "copy.h"
#include "descriptor.h"
#include "folder_entries.h"
#include "nodes/table/slide_list.h"
#include "transfer.h"

namespace flowrun::wsi::collect {
namespace {

namespace fs = std::filesystem;

bool is_within(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

/// Not a link to another, nor a pipe: it is written to.
bool is_file_of_its_own(int descriptor) {
  struct stat facts {};
  return ::fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_nlink <= 1;
}

bool same_file(int descriptor, const fs::path& path) {
  struct stat open {
  }, there{};
  return ::fstat(descriptor, &open) == 0 && ::stat(path.c_str(), &there) == 0 &&
         open.st_ino == there.st_ino && open.st_dev == there.st_dev;
}

/// A plan moves and removes files: only one that this user wrote for this folder is obeyed.
void check_own(const fs::path& file, const Plan& plan, const fs::path& slides) {
  struct stat facts {};
  if (::lstat(file.c_str(), &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_uid != ::geteuid())
    throw Error("is not a file of yours");
  if (plan.slides != slides)
    throw Error(fmt::format("is of another folder: it moves slides to {}", printable(plan.slides.string())));
  for (const fs::path& made : plan.made)
    if (made != made.lexically_normal() || (!is_within(plan.slides, made) && !is_within(plan.logs, made)))
      throw Error(fmt::format("names a folder that it cannot have made: {}", printable(made.string())));
}

void rename_or_fail(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail("write", to, errno);
}

}  // namespace

FolderLock::FolderLock(const fs::path& folder) {
  const fs::path file = folder / journal_folder / "lock";
  for (;;) {
    std::error_code problem;
    fs::create_directories(file.parent_path(), problem);
    if (problem) fail("write to", folder, problem.value());
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor_ < 0 && errno != ENOENT) fail("write to", folder, errno);
    if (descriptor_ < 0) continue;  // an undo that ended has just removed the folder
    if (!is_file_of_its_own(descriptor_)) {
      ::close(descriptor_);
      throw Error(fmt::format("{} is no plain file of its own; remove it", printable(file.string())));
    }
    const bool free = ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0;
    const int why = errno;
    if (free && same_file(descriptor_, file)) break;
    ::close(descriptor_);
    if (free) continue;  // the file that was held has been removed
    if (why != EWOULDBLOCK) fail("lock", folder, why);
    std::string holder;
    std::getline(std::ifstream(file), holder);
    throw Error(fmt::format("folder {} is in use by another flowrun collect (process {}); wait for it",
                            printable(folder.string()), holder));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  // For the message above only: a full disk is found when there is something to write.
  if (::ftruncate(descriptor_, 0) == 0) (void)!::write(descriptor_, pid.data(), pid.size());
}

FolderLock::~FolderLock() {
  ::close(descriptor_);
}

Journal::Journal(const fs::path& slides) : folder_(slides / journal_folder) {}

std::vector<std::pair<int, bool>> Journal::plans() const {
  std::vector<std::pair<int, bool>> out;
  if (!is_there(folder_)) return out;
  for (const FolderEntry& entry : entries_of(folder_)) {
    const fs::path name = entry.name;
    const std::string stem = name.stem().string();
    int number = 0;
    const auto end = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    if (end.ptr == stem.data() + stem.size() && (name.extension() == ".plan" || name.extension() == ".done"))
      out.emplace_back(number, name.extension() == ".done");
  }
  std::sort(out.begin(), out.end());
  return out;
}

Plan Journal::read(int number) const {
  const fs::path open = file(number, ".plan");
  const fs::path path = is_there(open) ? open : file(number, ".done");
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  try {
    if (!in) throw Error("cannot be read");
    Plan plan = plan_from(text.str());
    check_own(path, plan, folder_.parent_path());
    return plan;
  } catch (const Error& problem) {
    throw Error(
        fmt::format("{} {}; move it away to go on without it", printable(path.string()), problem.what()));
  }
}

int Journal::write(const Plan& plan) const {
  const auto all = plans();
  const int number = all.empty() ? 1 : all.back().first + 1;
  const fs::path part = file(number, ".part");
  try {
    const Descriptor out(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0666);
    out.write(to_text(plan));
    out.sync();
  } catch (...) {
    std::error_code ignored;
    fs::remove(part, ignored);
    throw;
  }
  rename_or_fail(part, file(number, ".plan"));
  sync_folder(folder_);  // the steps may be on other file systems
  return number;
}

void Journal::mark_done(int number) const {
  rename_or_fail(file(number, ".plan"), file(number, ".done"));
}

void Journal::mark_open(int number) const {
  if (is_there(file(number, ".done"))) rename_or_fail(file(number, ".done"), file(number, ".plan"));
}

void Journal::remove(int number) const {
  remove_whole(file(number, ".plan"));
}

fs::path Journal::file(int number, const char* extension) const {
  return folder_ / fmt::format("{:04}{}", number, extension);
}

}  // namespace flowrun::wsi::collect
