// SPDX-License-Identifier: Apache-2.0
// The result of a run for people, and for programs.
#include <flowrun/bytes.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "run/run.h"

namespace flowrun {
namespace {

const char* policy_effect(OnError policy) {
  switch (policy) {
    case OnError::stop:
      return "stopped the run";
    case OnError::skip:
      return "left out";
    case OnError::fail:
      break;
  }
  return "failed";
}

std::string notes_text(const std::map<std::string, ScopeCounts>& counts) {
  std::string out;
  for (const auto& [node, packets] : counts)
    for (const auto& [note, times] : packets.notes)
      out += fmt::format("  {}: {}{}\n", node, note, times == 1 ? "" : fmt::format(" ({} times)", times));
  return out;
}

std::string nodes_text(const RunResult& result) {
  std::string out = fmt::format("{:<16}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}\n", "node", "in", "out",
                                "dropped", "failed", "working s", "memory s", "order s");
  for (const NodeResult& node : result.nodes)
    out += fmt::format("{:<16}{:>12}{:>12}{:>12}{:>12}{:>12.2f}{:>12.2f}{:>12.2f}\n", node.name, node.in,
                       node.out, node.dropped, node.failed, node.working, node.waiting_for_memory,
                       node.waiting_for_order);
  for (const NodeResult& node : result.nodes)
    for (const auto& [reason, count] : node.reasons)
      out += fmt::format("{} dropped: {} {}\n", node.name, count, reason);
  if (!result.bottleneck.empty()) out += result.bottleneck + "\n";
  return out;
}

std::string scopes_text(const RunResult& result) {
  std::string out;
  for (const ScopeResult& scope : result.scopes) {
    out += fmt::format("{} {}: {}", scope.kind, scope.name, to_string(scope.status));
    for (const NodeResult& node : result.nodes)
      if (const auto counts = scope.counts.find(node.name); counts != scope.counts.end())
        if (counts->second.in > 0) out += fmt::format(", {} {}", node.name, counts->second.out);
    out += "\n" + notes_text(scope.counts);
  }
  return out;
}

std::string left_text(const std::vector<std::string>& left) {
  if (left.empty()) return {};
  return fmt::format("; left to the run without --part, when all parts are done: {}", fmt::join(left, ", "));
}

std::string more_text(std::uint64_t all, std::size_t listed, const std::string& what) {
  return all <= listed ? "" : fmt::format("and {} more {}\n", all - listed, what);
}

std::string scopes_words(const RunResult& result) {
  if (result.output_folders.empty()) return "scopes";
  return fmt::format(
      "scopes; each is a line of {}",
      (result.output_folders.front() / ".flowrun" / room_of(result.part) / "scopes.jsonl").string());
}

}  // namespace

const char* to_string(ScopeStatus status) {
  switch (status) {
    case ScopeStatus::done:
      return "done";
    case ScopeStatus::failed:
      return "failed";
    case ScopeStatus::left_out:
      return "left out";
    case ScopeStatus::interrupted:
      return "interrupted";
    case ScopeStatus::done_before:
      return "done before";
  }
  return "";
}

std::string summary_text(const RunResult& result) {
  std::string out = fmt::format("{}: {:.2f} s, peak {} leased of {}, peak RSS {}\n", result.name,
                                result.seconds, format_bytes(result.peak_leased), format_bytes(result.memory),
                                format_bytes(result.peak_rss));
  if (result.part) out += fmt::format("part {}{}\n", to_string(*result.part), left_text(result.left));
  std::uint64_t ended = 0;
  for (const auto& [status, count] : result.scope_counts) ended += count;
  out += nodes_text(result) + scopes_text(result) +
         more_text(ended, result.scopes.size(), scopes_words(result)) + notes_text(result.counts);
  for (const RunFailure& failure : result.failures)
    out += fmt::format("{}: {}{}{}{}\n", policy_effect(failure.policy), failure.scope,
                       failure.scope.empty() ? "" : ": ", failure.node.empty() ? "" : failure.node + ": ",
                       failure.message);
  out += more_text(result.failure_count, result.failures.size(), "failures");
  for (const auto& folder : result.output_folders) out += fmt::format("outputs: {}\n", folder.string());
  if (ended > 0) {
    out += "in all:";
    for (const auto& [status, count] : result.scope_counts)
      out += fmt::format(" {} {},", count, to_string(status));
    out.back() = '\n';
  }
  return out;
}

nlohmann::json to_json(const ScopeCounts& counts) {
  nlohmann::json out{
      {"in", counts.in}, {"out", counts.out}, {"dropped", counts.dropped}, {"failed", counts.failed}};
  if (!counts.reasons.empty()) out["reasons"] = counts.reasons;
  if (!counts.notes.empty()) out["notes"] = counts.notes;
  return out;
}

namespace {

nlohmann::json by_node(const std::map<std::string, ScopeCounts>& counts) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [node, packets] : counts) out[node] = to_json(packets);
  return out;
}

}  // namespace

nlohmann::json to_json(const ScopeResult& scope) {
  return {{"kind", scope.kind},
          {"name", scope.name},
          {"status", to_string(scope.status)},
          {"opener", scope.opener},
          {"counts", by_node(scope.counts)}};
}

nlohmann::json to_json(const NodeResult& node) {
  return {{"name", node.name},
          {"type", node.type},
          {"in", node.in},
          {"out", node.out},
          {"dropped", node.dropped},
          {"failed", node.failed},
          {"reasons", node.reasons},
          {"working_seconds", node.working},
          {"waiting_for_memory_seconds", node.waiting_for_memory},
          {"waiting_for_order_seconds", node.waiting_for_order}};
}

nlohmann::json to_json(const RunFailure& failure) {
  return {{"scope", failure.scope},
          {"opener", failure.opener},
          {"node", failure.node},
          {"message", failure.message},
          {"effect", policy_effect(failure.policy)}};
}

std::string in_utc(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

nlohmann::json summary_json(const RunResult& result) {
  nlohmann::json out{{"name", result.name},
                     {"exit", static_cast<int>(result.exit)},
                     {"seconds", result.seconds},
                     {"ended", in_utc(result.ended)},
                     {"threads", result.threads},
                     {"memory_bytes", result.memory},
                     {"peak_leased_bytes", result.peak_leased},
                     {"peak_rss_bytes", result.peak_rss},
                     {"bottleneck", result.bottleneck},
                     {"nodes", nlohmann::json::array()},
                     {"edges", nlohmann::json::array()},
                     {"scope_counts", nlohmann::json::object()},
                     {"scopes", nlohmann::json::array()},
                     {"counts", by_node(result.counts)},
                     {"failure_count", result.failure_count},
                     {"failures", nlohmann::json::array()},
                     {"output_folders", nlohmann::json::array()}};
  if (result.part) out.update({{"part", to_string(*result.part)}, {"left", result.left}});
  for (const NodeResult& node : result.nodes) out["nodes"].push_back(to_json(node));
  for (const EdgeResult& e : result.edges)
    out["edges"].push_back({{"from", e.from},
                            {"output", e.output},
                            {"to", e.to},
                            {"input", e.input},
                            {"type", e.type},
                            {"stream", e.stream},
                            {"bytes", e.bytes}});
  for (const auto& [status, count] : result.scope_counts) out["scope_counts"][to_string(status)] = count;
  for (const ScopeResult& scope : result.scopes) out["scopes"].push_back(to_json(scope));
  for (const RunFailure& failure : result.failures) out["failures"].push_back(to_json(failure));
  for (const auto& folder : result.output_folders) out["output_folders"].push_back(folder.string());
  return out;
}

}  // namespace flowrun
