// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>

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
        fmt::format("{} {} of {}, ", status.scopes_ended, plural(status.scope_kind), *status.scopes_expected);
  }
  if (!status.packet_name.empty())
    out += fmt::format("{} {}, {:.1f}/s, ", status.packets, plural(status.packet_name),
                       static_cast<double>(status.packets) / std::max(status.seconds, 1e-9));
  out += fmt::format("{} of {} in flight", format_bytes(status.leased), format_bytes(status.memory));
  // What earlier runs had done says nothing of how fast this one is.
  const std::uint64_t made = status.scopes_ended - std::min(status.scopes_ended, status.scopes_passed_over);
  if (status.scopes_expected && made > 0 && status.scopes_ended < *status.scopes_expected) {
    const auto left = static_cast<double>(*status.scopes_expected - status.scopes_ended);
    out += fmt::format(", {:.0f} s left", status.seconds / static_cast<double>(made) * left);
  }
  return out;
}

std::string failure_text(const std::string& scope, const std::string& node, const std::string& message) {
  const std::string place = scope + (scope.empty() || node.empty() ? "" : ": ") + node;
  return fmt::format("error: {}{}{}\n", place, place.empty() ? "" : ": ", message);
}

}  // namespace flowrun::cli
