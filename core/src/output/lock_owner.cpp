// SPDX-License-Identifier: Apache-2.0
#include "output/lock_owner.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace flowrun {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Empty where there is no /proc: then nothing is known of any process.
std::string this_boot() {
  std::string boot;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
  std::error_code none;
  const std::string numbered_by = fs::read_symlink("/proc/self/ns/pid", none).string();
  return boot.empty() || none ? "" : boot + " " + numbered_by;
}

/// Field 22 of /proc/PID/stat (see proc(5)); nothing when the process is not there, or has ended and its
/// parent has not looked yet.
std::optional<std::int64_t> start_of(std::int64_t process) {
  std::string stat;
  std::getline(std::ifstream(fmt::format("/proc/{}/stat", process)), stat);
  const auto name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(stat.substr(name_end + 1));
  std::string field;
  for (int number = 3; number <= 22 && fields >> field; ++number)
    if (number == 3 && (field == "Z" || field == "X")) return {};
  return fields ? std::optional(std::atoll(field.c_str())) : std::nullopt;
}

}  // namespace

LockOwner LockOwner::this_process() {
  char host[256] = {};
  ::gethostname(host, sizeof(host) - 1);
  const char* job = std::getenv("SLURM_JOB_ID");
  return {false, 0, host, this_boot(), ::getpid(), start_of(::getpid()).value_or(0), job ? job : ""};
}

std::string LockOwner::to_text() const {
  const json rest{{"host", host}, {"boot", boot}, {"process", process}, {"started", started}, {"job", job}};
  return fmt::format("{} {:020}\n{}\n", free ? "free" : "held", beats,
                     rest.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::optional<LockOwner> LockOwner::from_text(const std::string& text) {
  const auto end = text.find('\n');
  if (end == std::string::npos) return {};
  std::istringstream first(text.substr(0, end));
  std::string state;
  LockOwner owner;
  if (!(first >> state >> owner.beats) || (state != "free" && state != "held")) return {};
  const json rest = json::parse(text.begin() + static_cast<std::ptrdiff_t>(end), text.end(), nullptr, false);
  if (!rest.is_object()) return {};
  try {
    owner.free = state == "free";
    owner.host = rest.at("host");
    owner.boot = rest.at("boot");
    owner.process = rest.at("process");
    owner.started = rest.at("started");
    owner.job = rest.at("job");
  } catch (const json::exception&) {
    return {};
  }
  return owner;
}

std::optional<bool> LockOwner::lives() const {
  if (boot.empty() || boot != this_boot()) return {};
  return start_of(process) == started;
}

std::string LockOwner::in_words() const {
  return fmt::format("process {} on {}{}", process, host, job.empty() ? "" : ", job " + job);
}

}  // namespace flowrun
