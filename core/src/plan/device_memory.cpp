// SPDX-License-Identifier: Apache-2.0
// What nodes take of the memory of devices, and what to say when a device has less.
#include <flowrun/bytes.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "plan/plan.h"

namespace flowrun {
namespace {

using OnDevice = Costs::OnDevice;

/// `device_memory:` as it is given.
struct Asked {
  std::optional<std::size_t> bytes;  ///< of each device
  double share = 1;                  ///< else this of all that it has
  std::string text;                  ///< empty: not given

  std::size_t of(const OnDevice& device) const {
    const auto part = static_cast<std::size_t>(share * static_cast<double>(device.all));
    return std::min(bytes.value_or(part), device.free);
  }
};

Asked parsed(const Value& given) {
  if (given.kind == Value::Kind::null) return {};
  Asked asked{.text = given.text};
  const std::string_view text = given.text;
  double percent = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), percent);
  const std::string_view unit(rest, text.data() + text.size() - rest);
  if (given.kind == Value::Kind::scalar && problem == std::errc() && (unit == "%" || unit == " %") &&
      percent > 0 && percent <= 100) {
    asked.share = percent / 100;
    return asked;
  }
  try {
    if (given.kind == Value::Kind::scalar) {
      asked.bytes = parse_bytes(text);
      return asked;
    }
  } catch (const Error&) {  // said below, with the share that it may be
  }
  throw Error(fmt::format("expected a size such as '8 GiB' or a share such as '80 %', found {}",
                          given.kind == Value::Kind::scalar ? fmt::format("'{}'", text) : "a list or a map"));
}

/// Of one device.
struct Sharing {
  std::vector<const PlanNode*> nodes;
  OnDevice device;  // with the most that any of them found free

  std::size_t needed() const {
    std::size_t bytes = 0;
    for (const PlanNode* node : nodes) bytes += node->costs.on_device->bytes();
    return bytes;
  }
  std::string words() const {
    std::vector<std::string> parts;
    for (const PlanNode* node : nodes) {
      const OnDevice& one = *node->costs.on_device;
      std::string part = fmt::format("'{}' {}", node->name, format_bytes(one.bytes()));
      if (one.batch > 0) part += fmt::format(" with {} samples at once", one.batch);
      parts.push_back(std::move(part));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
  }
};

std::map<std::string, Sharing> by_device(const Plan& plan) {
  std::map<std::string, Sharing> all;
  for (const PlanNode& node : plan.nodes) {
    if (!node.costs.on_device) continue;
    const OnDevice& one = *node.costs.on_device;
    Sharing& sharing = all[one.device];
    if (sharing.nodes.empty() || sharing.device.free < one.free) sharing.device = one;
    sharing.nodes.push_back(&node);
  }
  return all;
}

/// Which batch of the node with the largest one would fit; empty where not even one sample does.
std::string smaller_batch(const Sharing& sharing, std::size_t limit) {
  const auto of_batch = [](const PlanNode* node) {
    return node->costs.on_device->bytes() - node->costs.on_device->fixed;
  };
  const PlanNode& largest = **std::ranges::max_element(sharing.nodes, {}, of_batch);
  const std::size_t rest = sharing.needed() - of_batch(&largest), each = largest.costs.on_device->per_sample;
  if (each == 0 || rest + each > limit) return {};
  return fmt::format("let '{}' have at most {} samples at once", largest.name, (limit - rest) / each);
}

void refuse(const Sharing& sharing, std::size_t limit, const Asked& asked, Place place,
            Diagnostics& diagnostics) {
  const std::size_t needed = sharing.needed(), free = sharing.device.free;
  const std::string problem = fmt::format(
      "{} of the memory of {} are needed ({}), but {}", format_bytes(needed), sharing.device.device,
      sharing.words(),
      asked.text.empty() || limit == free
          ? fmt::format("of its {} only {} are free", format_bytes(sharing.device.all), format_bytes(free))
          : fmt::format("'device_memory: {}' is less", asked.text));
  std::vector<std::string> ways;
  if (std::string batch = smaller_batch(sharing, limit); !batch.empty()) ways.push_back(std::move(batch));
  if (needed <= free) ways.push_back(fmt::format("raise device_memory to {} or more", round_up(needed)));
  if (ways.empty()) ways.emplace_back("a smaller model or smaller images");
  diagnostics.error(place, problem, fmt::format("{}", fmt::join(ways, ", or ")));
}

}  // namespace

void check_device_memory(Plan& plan, const Value& given, Diagnostics& diagnostics) {
  Asked asked;
  try {
    asked = parsed(given);
  } catch (const Error& problem) {
    return diagnostics.error(given.place, fmt::format("'device_memory': {}", problem.what()),
                             "device_memory: 80 %");
  }
  const auto devices = by_device(plan);
  if (devices.empty() && !asked.text.empty())
    plan.notes.push_back("'device_memory' means nothing here: no node computes on a GPU");
  for (const auto& [name, sharing] : devices) {
    const std::size_t limit = plan.device_memory[name] = asked.of(sharing.device);
    if (sharing.needed() > limit) {
      const Place place = asked.text.empty() ? sharing.nodes.front()->place : given.place;
      refuse(sharing, limit, asked, place, diagnostics);
      continue;
    }
    for (const PlanNode* node : sharing.nodes)
      if (const auto& bound = node->costs.on_device->bound) bound(limit);
  }
}

std::string describe_device_memory(const Plan& plan) {
  std::string out;
  for (const auto& [name, sharing] : by_device(plan))
    out += fmt::format("  on {}: {} of {} ({})\n", name, format_bytes(sharing.needed()),
                       format_bytes(plan.device_memory.at(name)), sharing.words());
  return out;
}

}  // namespace flowrun
