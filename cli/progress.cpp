// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "report/html.h"

namespace flowrun::cli {
namespace {

std::string bar(double share) {
  constexpr int width = 20;
  const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * width);
  return "[" + std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(width - full), '.') + "] ";
}

}  // namespace

std::string progress_text(const RunStatus& status, bool drawn) {
  std::string out;
  if (status.scopes_expected) {
    const auto expected = static_cast<double>(*status.scopes_expected);
    if (drawn) out += bar(static_cast<double>(status.scopes_ended) / std::max(expected, 1.0));
    out +=
        fmt::format("{} of {}, ", counted(status.scopes_ended, status.scope_kind), *status.scopes_expected);
  }
  if (!status.packet_name.empty())
    out += fmt::format("{}, {:.1f}/s, ", counted(status.packets, status.packet_name),
                       static_cast<double>(status.packets) / std::max(status.seconds, 1e-9));
  if (drawn)
    out += bar(static_cast<double>(status.leased) /
               static_cast<double>(std::max<std::size_t>(status.memory, 1)));
  out += fmt::format("{} of {} in flight", format_bytes(status.leased), format_bytes(status.memory));
  // What earlier runs had done says nothing of how fast this one is.
  const std::uint64_t made = status.scopes_ended - std::min(status.scopes_ended, status.scopes_passed_over);
  if (status.scopes_expected && made > 0 && status.scopes_ended < *status.scopes_expected) {
    const auto left = static_cast<double>(*status.scopes_expected - status.scopes_ended);
    out += fmt::format(", {:.0f} s left", status.seconds / static_cast<double>(made) * left);
  }
  return out;
}

std::vector<std::string> progress_lines(const RunStatus& status, std::size_t most) {
  std::vector<std::string> lines;
  const std::size_t all = status.in_work.size(), room = std::max<std::size_t>(most, 1) - 1;
  const std::size_t shown = all <= room ? all : std::max<std::size_t>(room, 1) - 1;
  for (const ScopeInWork& scope : std::span(status.in_work).first(shown)) {
    std::string name = scope.name;
    std::ranges::replace_if(
        name, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    lines.push_back("  " + name);
    if (!status.packet_name.empty()) lines.back() += ": " + counted(scope.packets, status.packet_name);
  }
  if (shown < all && room > 0) lines.push_back(fmt::format("  and {} more in work", all - shown));
  lines.push_back(progress_text(status, true));
  return lines;
}

std::string failure_text(const std::string& scope, const std::string& node, const std::string& message) {
  const std::string place = scope + (scope.empty() || node.empty() ? "" : ": ") + node;
  return fmt::format("error: {}{}{}\n", place, place.empty() ? "" : ": ", message);
}

}  // namespace flowrun::cli
