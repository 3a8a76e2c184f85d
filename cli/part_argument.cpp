// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "commands.h"

namespace flowrun::cli {
namespace {

/// Nothing when it is not set. Throws Error when it is no number.
std::optional<int> number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  if (!text || !*text) return {};
  const std::string_view all(text);
  int value = 0;
  const auto [end, problem] = std::from_chars(all.data(), all.data() + all.size(), value);
  if (problem != std::errc() || end != all.data() + all.size())
    throw Error(fmt::format("{} is '{}', where --part auto expects a number", variable, text));
  return value;
}

struct Found {
  std::optional<int> number;  // from 1
  std::optional<int> count;
  std::string where;
};

Found in_environment() {
  if (const auto id = number_in("SLURM_ARRAY_TASK_ID")) {
    // The tasks of an array may have any numbers: --array=0-15, 1-16, 10-40:2.
    const int first = number_in("SLURM_ARRAY_TASK_MIN").value_or(1);
    const int step = std::max(1, number_in("SLURM_ARRAY_TASK_STEP").value_or(1));
    return {(*id - first) / step + 1, number_in("SLURM_ARRAY_TASK_COUNT"), "Slurm's job array"};
  }
  if (const auto index = number_in("JOB_COMPLETION_INDEX")) return {*index + 1, {}, "the Kubernetes job"};
  return {};
}

}  // namespace

Part part_argument(const std::string& text) {
  const std::string number = text.substr(0, text.find('/'));
  if (number != "auto") return part_from(text);
  const Found found = in_environment();
  if (!found.number)
    throw Error(
        "--part auto: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set, so this is no task of a "
        "job "
        "array or of an indexed job; give NUMBER/COUNT");
  if (number == text && !found.count)
    throw Error(
        fmt::format("--part auto: the environment does not say how many tasks {} has; give the number as "
                    "auto/COUNT",
                    found.where));
  const std::string count = number == text ? std::to_string(*found.count) : text.substr(number.size() + 1);
  try {
    return part_from(fmt::format("{}/{}", *found.number, count));
  } catch (const Error& problem) {
    throw Error(fmt::format("--part {}, of {}: {}", text, found.where, problem.what()));
  }
}

}  // namespace flowrun::cli
