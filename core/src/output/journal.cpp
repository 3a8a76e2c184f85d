// SPDX-License-Identifier: Apache-2.0
#include "output/journal.h"

#include <flowrun/error.h>

#include <algorithm>

#include "output/files.h"
#include "output/names.h"

namespace flowrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Bytes that are no UTF-8 can stand in messages; they must not keep a journal from being written.
std::string to_text(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

json parsed_file(const fs::path& file) {
  const auto text = read_text(file);
  return text ? json::parse(*text, nullptr, false) : json();
}

}  // namespace

std::vector<std::string> units_of(const json& entry, const char* which) {
  std::vector<std::string> units;
  if (!entry.is_object() || !entry.contains(which)) return units;
  for (const auto& unit : entry[which])
    if (unit.is_string() && stays_inside(unit.get_ref<const std::string&>())) units.push_back(unit);
  return units;
}

std::string publication_of(const json& entry) {
  if (!entry.is_object()) return {};
  const auto id = entry.find("publication");
  return id != entry.end() && id->is_string() ? id->get<std::string>() : std::string();
}

bool same_publication(const json& entry, const json& other) {
  const std::string id = publication_of(entry);
  // By its id, since an entry loses units that are handed on.
  return id.empty() ? entry.is_object() && entry == other : id == publication_of(other);
}

json Intent::to_json() const {
  json all = json::array();
  for (const fs::path& each : folders) all.push_back(path_to_text(each));
  nlohmann::json out{
      {"entry", entry}, {"remove", remove}, {"folder", path_to_text(folder)}, {"folders", all}};
  if (before) out["before"] = *before;
  return out;
}

Intent Intent::from_json(const json& json) {
  Intent intent;
  if (!json.is_object()) return intent;
  intent.entry = json.value("entry", nlohmann::json());
  intent.remove = units_of(json, "remove");
  if (const auto own = json.find("folder"); own != json.end() && own->is_string())
    intent.folder = path_from_text(*own);
  if (const auto before = json.find("before"); before != json.end() && before->is_string())
    intent.before = *before;
  if (const auto all = json.find("folders"); all != json.end())
    for (const auto& each : *all)
      if (each.is_string()) intent.folders.push_back(path_from_text(each));
  return intent;
}

Journal::Journal(const fs::path& folder, Room room)
    : folder_(folder), root_(folder / ".flowrun"), room_(std::move(room)) {}

fs::path Journal::staging(const std::string& scope) const {
  return at("staging") / scope;
}

fs::path Journal::publishing(const std::string& scope, const char* step) const {
  return at("publishing") / (scope + step);
}

json Journal::entry(const std::string& scope) const {
  return parsed_file(done() / (scope + ".json"));
}

void Journal::write_entry(const std::string& scope, const json& entry) const {
  write_whole(done() / (scope + ".json"), to_text(entry));
}

std::vector<Room> Journal::rooms() const {
  std::vector<Room> rooms{Room()};
  for (const char* kind : {"parts", "ranks"})
    if (stands(root_ / kind))
      for (const std::string& name : names_in(root_ / kind))
        if (const Room room = Room(kind) / name; part_in(room) || rank_in(room)) rooms.push_back(room);
  return rooms;
}

std::vector<std::string> Journal::done_scopes() const {
  std::vector<std::string> scopes;
  for (const std::string& name : names_in(done()))
    if (name.ends_with(".json")) scopes.push_back(name.substr(0, name.size() - 5));
  return scopes;
}

void Journal::draft(const std::string& scope, const Intent& intent) const {
  write_unsynced(publishing(scope, ".entry"), to_text(intent.entry));
  write_unsynced(publishing(scope, ".draft"), to_text(intent.to_json()));
}

// On ext4 and xfs the renames and removals within a file system reach the disk in the order in which they
// were made, and what was synced before a rename is there with it. So one sync before the first rename is
// enough: who finds a later step on the disk finds the earlier ones.

void Journal::intend(const std::string& scope) const {
  rename_or_throw(publishing(scope, ".draft"), publishing(scope, ".json"));
}

void Journal::agree(const std::string& scope) const {
  rename_or_throw(publishing(scope, ".json"), publishing(scope, ".agreed"));
}

void Journal::move_units(const std::string& scope, const Intent& intent) const {
  const auto units = units_of(intent.entry);
  // A unit may lie where an old one was: once the first was moved, all old ones had gone.
  const bool all_staged = std::all_of(units.begin(), units.end(),
                                      [&](const auto& unit) { return stands(staging(scope) / unit); });
  if (all_staged)
    for (const std::string& old : intent.remove) remove_or_throw(folder_ / old);
  for (const std::string& unit : units)
    if (stands(staging(scope) / unit)) put_in_place(staging(scope) / unit, folder_ / unit);
}

void Journal::put_in_place(const fs::path& staged, const fs::path& place) const {
  const auto is_folder = [](const fs::path& path) {
    std::error_code unseen;
    return fs::is_directory(fs::symlink_status(path, unseen));
  };
  if (is_folder(staged) || is_folder(place)) remove_or_throw(place);
  create_or_throw(place.parent_path());
  rename_or_throw(staged, place);
}

void Journal::enter(const std::string& scope, const json& entry) const {
  const fs::path prepared = publishing(scope, ".entry");
  if (stands(prepared))
    rename_or_throw(prepared, done() / (scope + ".json"));
  else if (!same_publication(this->entry(scope), entry))
    write_entry(scope, entry);
}

void Journal::clear(const std::string& scope) const {
  for (const char* step : {".json", ".agreed", ".draft", ".entry"}) remove_or_throw(publishing(scope, step));
  remove_or_throw(staging(scope));
}

void Journal::roll_back(const std::string& scope) const {
  clear(scope);
}

bool Journal::has_intent(const std::string& scope) const {
  return stands(publishing(scope, ".json")) || stands(publishing(scope, ".agreed"));
}

bool Journal::has_part_in(const std::string& scope, const json& entry) const {
  // In this order, as another process may be completing it.
  for (const char* step : {".json", ".agreed"})
    if (same_publication(entry, Intent::from_json(parsed_file(publishing(scope, step))).entry)) return true;
  return same_publication(entry, this->entry(scope));
}

}  // namespace flowrun
