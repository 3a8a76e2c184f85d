// SPDX-License-Identifier: Apache-2.0
#include "output/recovery.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "output/files.h"

namespace flowrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Pending {
  std::string scope;
  Intent intent;
  bool agreed = false;
};

/// An intent that cannot be read is of a disk that lost it: then nothing was moved yet.
Intent intent_at(const fs::path& file) {
  try {
    const auto text = read_text(file);
    return text ? Intent::from_json(json::parse(*text, nullptr, false)) : Intent{};
  } catch (const Error&) {
    return {};
  }
}

/// In the order in which they were published.
std::vector<Pending> pending_in(const Journal& journal) {
  std::vector<Pending> pending;
  for (const std::string& name : names_in(journal.at("publishing"))) {
    const fs::path file = journal.at("publishing") / name;
    if (const auto step = file.extension(); step == ".agreed" || step == ".json")
      pending.push_back({file.stem().string(), intent_at(file), step == ".agreed"});
  }
  const auto order = [](const Pending& each) {
    return std::tuple(publication_of(each.intent.entry), each.scope, !each.agreed);
  };
  std::sort(pending.begin(), pending.end(), [&](auto& a, auto& b) { return order(a) < order(b); });
  return pending;
}

/// Another folder may be gone, or not to be read: then nothing says that it had its intent.
bool has_part_in(const fs::path& folder, const Room& room, const std::string& scope, const Intent& intent) {
  try {
    return Journal(folder, room).has_part_in(scope, intent.entry);
  } catch (const Error&) {
    return false;
  }
}

/// A run of another part, or of all, has published the scope meanwhile.
bool is_superseded(const Journal& journal, const Pending& pending) {
  if (!pending.intent.before) return false;
  const json now = journal.entry(pending.scope);
  return now.is_object() && publication_of(now) != *pending.intent.before &&
         !same_publication(now, pending.intent.entry);
}

bool counts(const Journal& journal, const Pending& pending) {
  const Intent& intent = pending.intent;
  if (!intent.entry.is_object() || is_superseded(journal, pending)) return false;
  if (pending.agreed) return true;
  return std::all_of(intent.folders.begin(), intent.folders.end(), [&](const fs::path& folder) {
    // This folder may have been moved since; what it has is known.
    return folder == intent.folder || has_part_in(folder, journal.room(), pending.scope, intent);
  });
}

void complete(const Journal& journal, const Pending& pending, HandedOn& handed_on) {
  try {
    journal.complete(pending.scope, pending.intent,
                     [&] { handed_on.take_over(pending.scope, pending.intent.entry); });
  } catch (const Error& problem) {
    throw Error(
        fmt::format("cannot complete '{}' in {}, which an earlier run published: {}; "
                    "when that is put right, run again",
                    pending.scope, journal.folder().string(), problem.what()));
  }
}

void remove_all_in(const fs::path& folder) {
  for (const std::string& name : names_in(folder)) remove_or_throw(folder / name);
}

void remove_temporaries(const fs::path& folder) {
  for (const std::string& name : names_in(folder))
    if (name.ends_with(".tmp")) remove_or_throw(folder / name);
}

}  // namespace

void recover(const Journal& journal, HandedOn& handed_on) {
  for (const Pending& pending : pending_in(journal))
    if (counts(journal, pending))
      complete(journal, pending, handed_on);
    else
      journal.roll_back(pending.scope);
  remove_all_in(journal.at("publishing"));
  remove_all_in(journal.at("staging"));
  if (journal.room().empty()) remove_temporaries(journal.done());  // of a part they may be another one's
}

}  // namespace flowrun
