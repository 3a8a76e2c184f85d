// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <flowrun/rank.h>
#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace flowrun {
namespace {

int number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  const std::string_view all(text ? text : "");
  int value = 0;
  const auto [end, problem] = std::from_chars(all.data(), all.data() + all.size(), value);
  if (problem != std::errc() || end != all.data() + all.size())
    throw Error(
        fmt::format("{} is '{}', expected a number: a rank from 0, or how many there are", variable, all));
  return value;
}

}  // namespace

Rank rank_of_process() {
  struct Names {
    const char *number, *count;
  };
  for (const auto& [number, count] :
       {Names{"RANK", "WORLD_SIZE"}, Names{"SLURM_PROCID", "SLURM_STEP_NUM_TASKS"}}) {
    if (!std::getenv(number) || !std::getenv(count)) continue;
    const Rank rank{number_in(number), number_in(count)};
    if (rank.number < 0 || rank.number >= rank.count)
      throw Error(fmt::format("{} is {} and {} is {}, expected a rank from 0 to one less than their number",
                              number, rank.number, count, rank.count));
    return rank;
  }
  return {};
}

}  // namespace flowrun
