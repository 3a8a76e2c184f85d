// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <flowrun/run_watcher.h>
#include <fmt/format.h>

#include <charconv>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "output/files.h"
#include "output/lock_owner.h"
#include "output/part.h"

namespace flowrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Member {
  const char* name;
  bool (json::*is)() const noexcept;
};

/// The first member that is missing or of another type; empty: there is none.
std::string first_wrong(const json& object, std::initializer_list<Member> members) {
  for (const auto& [name, is] : members)
    if (const auto found = object.find(name); found == object.end() || !((*found).*is)()) return name;
  return {};
}

/// What is not as a run writes it; empty: nothing.
std::string wrong_in(const json& status) {
  constexpr auto text = &json::is_string, number = &json::is_number, list = &json::is_array;
  std::string wrong = first_wrong(status, {{"state", text},
                                           {"name", text},
                                           {"host", text},
                                           {"process", number},
                                           {"job", text},
                                           {"owner", text},
                                           {"began", text},
                                           {"seconds", number},
                                           {"beats", number},
                                           {"scope_kind", text},
                                           {"scopes_ended", number},
                                           {"scopes_done_before", number},
                                           {"scopes_in_work", list},
                                           {"packet_name", text},
                                           {"scopes_in_work_count", number},
                                           {"packets", number},
                                           {"rss_bytes", number},
                                           {"packets_per_second", number},
                                           {"memory_bytes", number},
                                           {"nodes", list},
                                           {"leased_bytes", number},
                                           {"failures", list},
                                           {"failure_count", number}});
  if (status.contains("scopes_expected") && wrong.empty())
    wrong = first_wrong(status, {{"scopes_expected", number}});
  if (status.contains("part") && wrong.empty()) wrong = first_wrong(status, {{"part", text}});
  if (!wrong.empty()) return wrong;
  for (const json& scope : status["scopes_in_work"])
    if (!scope.is_string()) return "scopes_in_work";
  for (const json& node : status["nodes"])
    if (!first_wrong(node, {{"name", text}, {"share", number}}).empty()) return "nodes";
  for (const json& failure : status["failures"])
    if (!first_wrong(failure, {{"scope", text}, {"node", text}, {"message", text}}).empty())
      return "failures";
  return {};
}

/// By count and number of the part; (0, 0): the run of all.
std::map<std::pair<int, int>, json> told_in(const fs::path& output_folder) {
  std::map<std::pair<int, int>, json> all;
  const fs::path reports = output_folder / ".flowrun";
  std::vector<Room> rooms{""};
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(reports / "parts", none))
    rooms.push_back(Room("parts") / entry.path().filename());
  for (const Room& room : rooms) {
    const auto part = part_in(room);
    const fs::path file = reports / room / "status.json";
    const auto text = read_text(file);
    if (!text || part.has_value() == room.empty()) continue;
    json status = json::parse(*text, nullptr, false);
    if (const std::string wrong = wrong_in(status); !wrong.empty())
      throw Error(fmt::format("{}: it is not as a run writes it: '{}' is missing or of another type",
                              file.string(), wrong));
    all.emplace(part ? std::pair(part->count, part->number) : std::pair(0, 0), std::move(status));
  }
  return all;
}

/// 0: of none.
std::uint64_t job_of(const json& status) {
  std::uint64_t number = 0;
  const auto& text = status["job"].get_ref<const std::string&>();
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

bool goes_on(const json& status) {
  return status["state"] == "running" || status["state"] == "stopping";
}

void add_to(json& group, const json& status) {
  const bool runs = goes_on(status);
  const char* const as = runs ? "running" : status["state"] == "gone" ? "gone" : "ended";
  group[as] = group[as].get<std::uint64_t>() + 1;
  group["scope_kind"] = status["scope_kind"];
  for (const char* const counted : {"scopes_ended", "failure_count"})
    group[counted] = group[counted].get<std::uint64_t>() + status[counted].get<std::uint64_t>();
  const auto speed = runs ? status["packets_per_second"].get<double>() : 0;
  group["packets_per_second"] = group["packets_per_second"].get<double>() + speed;
}

}  // namespace

std::string RunWatcher::read() {
  const auto now = std::chrono::steady_clock::now();
  json out{{"running", 0}, {"unsure", false}, {"groups", json::array()}};
  json& groups = out["groups"];
  for (auto& [which, status] : told_in(folder_)) {
    if (job_of(status) < first_job_) continue;
    if (goes_on(status)) {
      const auto owner = LockOwner::from_text(status["owner"]);
      std::optional<bool> lives = owner ? owner->lives() : false;
      if (!lives) {
        const auto number = status["beats"].get<std::uint64_t>();
        Beat& beat = seen_.try_emplace(which, Beat{number, now}).first->second;
        if (beat.number != number) beat = {number, now};
        lives = now - beat.since < patience;
        if (beat.since == now) out["unsure"] = true;
      }
      if (!*lives) status["state"] = "gone";
    }
    if (groups.empty() || groups.back()["count"] != which.first)
      groups.push_back({{"count", which.first},
                        {"runs", json::array()},
                        {"running", 0},
                        {"gone", 0},
                        {"ended", 0},
                        {"scopes_ended", 0},
                        {"failure_count", 0},
                        {"packets_per_second", 0.0}});
    add_to(groups.back(), status);
    groups.back()["runs"].push_back(std::move(status));
  }
  std::uint64_t running = 0;
  for (const json& group : groups) running += group["running"].get<std::uint64_t>();
  out["running"] = running;
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace flowrun
