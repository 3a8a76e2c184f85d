// SPDX-License-Identifier: Apache-2.0
#include "run/calls.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace flowrun {
namespace {

const char* in_words(CallLog::What what) {
  switch (what) {
    case CallLog::What::process:
      return "call";
    case CallLog::What::act:
      return "action";
    case CallLog::What::finish:
      return "end of scope";
    case CallLog::What::make:
      return "making";
    case CallLog::What::start:
      return "start";
  }
  return "";
}

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::uint64_t nanoseconds(CallLog::Clock::duration duration) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(duration).count());
}

}  // namespace

CallLog::CallLog(const Plan& plan, int threads, const std::filesystem::path& trace)
    : plan_(plan), slots_(static_cast<std::size_t>(threads) + 1), times_(plan.nodes.size()) {
  if (trace.empty()) return;
  trace_.open(trace);
  if (!(trace_ << "[\n")) throw Error(fmt::format("cannot write the trace {}", trace.string()));
}

CallLog::~CallLog() {
  if (traces())
    trace_ << fmt::format(
        "{{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":1,\"args\":{{\"name\":{}}}}}\n]\n",
        quoted(plan_.name));
}

CallLog::Slot& CallLog::slot() {
  const int thread = tbb::this_task_arena::current_thread_index();
  return slots_[std::min(slots_.size() - 1, static_cast<std::size_t>(std::max(thread, 0)))];
}

CallLog::Measured::Measured(CallLog& log, Call call) : log_(log), slot_(log.slot()) {
  std::scoped_lock lock(slot_.mutex);
  before_ = std::exchange(slot_.call, call);
}

CallLog::Measured::~Measured() {
  Call call;
  {
    std::scoped_lock lock(slot_.mutex);
    call = std::exchange(slot_.call, before_);
  }
  const auto now = Clock::now();
  log_.times_[static_cast<std::size_t>(call.node)].working += nanoseconds(now - call.since);
  ++log_.ended_;
  if (log_.traces())
    log_.write(fmt::format(
        R"({{"name":{},"cat":"{}","ph":"X","pid":1,"tid":{},"ts":{:.3f},"dur":{:.3f},"args":{{"scope":{},"index":{}}}}})",
        quoted(log_.name(call.node)), in_words(call.what), tbb::this_task_arena::current_thread_index(),
        log_.micros(call.since), std::chrono::duration<double, std::micro>(now - call.since).count(),
        quoted(call.scope->name()), call.index));
}

void CallLog::waited_for_memory(int node, const ScopeRun& scope, std::uint64_t index,
                                Clock::time_point since) {
  times_[static_cast<std::size_t>(node)].waiting_for_memory += nanoseconds(Clock::now() - since);
  if (traces()) write_wait("waits for memory", node, scope, index, since);
}

void CallLog::waited_for_order(int node, const ScopeRun& scope, std::uint64_t index,
                               Clock::time_point since) {
  times_[static_cast<std::size_t>(node)].waiting_for_order += nanoseconds(Clock::now() - since);
  if (traces()) write_wait("waits for its turn", node, scope, index, since);
}

void CallLog::write_wait(const char* what, int node, const ScopeRun& scope, std::uint64_t index,
                         Clock::time_point since) {
  const std::uint64_t id = ++waits_;
  const auto event = [&](char phase, Clock::time_point at) {
    return fmt::format(
        R"({{"name":"{}","cat":{},"ph":"{}","id":{},"pid":1,"tid":0,"ts":{:.3f},"args":{{"scope":{},"index":{}}}}})",
        what, quoted(name(node)), phase, id, micros(at), quoted(scope.name()), index);
  };
  write(event('b', since));
  write(event('e', Clock::now()));
}

void CallLog::leased(std::size_t bytes) {
  if (traces())
    write(fmt::format(R"({{"name":"leased bytes","ph":"C","pid":1,"ts":{:.3f},"args":{{"leased":{}}}}})",
                      micros(Clock::now()), bytes));
}

void CallLog::write(const std::string& event) {
  std::scoped_lock lock(trace_mutex_);
  trace_ << event << ",\n";
}

double CallLog::micros(Clock::time_point at) const {
  return std::chrono::duration<double, std::micro>(at - begin_).count();
}

std::string CallLog::under_way() const {
  std::vector<std::pair<double, std::string>> lines;
  for (Slot& slot : slots_) {
    std::scoped_lock lock(slot.mutex);  // a call's scope lives as long as the call is in its slot
    const Call& call = slot.call;
    if (call.node < 0) continue;
    const double seconds = std::chrono::duration<double>(Clock::now() - call.since).count();
    lines.emplace_back(
        seconds, fmt::format("  {} of '{}' on {} {}, packet {}, for {:.1f} s\n", in_words(call.what),
                             name(call.node), call.scope->kind(), call.scope->name(), call.index, seconds));
  }
  std::sort(lines.rbegin(), lines.rend());
  std::string out = lines.empty() ? "  no call is under way\n" : "";
  for (const auto& [seconds, line] : lines) out += line;
  return out;
}

}  // namespace flowrun
