// SPDX-License-Identifier: Apache-2.0
#include <flowrun/testing.h>

#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>
#include <tuple>

#include "run/engine.h"
#include "testing/plan_around.h"
#include "testing/stub_nodes.h"

namespace flowrun::testing {

/// An engine serves one scope; the node outlives it.
struct Harness::Implementation {
  Implementation(Harness& h, std::unique_ptr<Node> n, std::string scope, std::string k)
      : harness(h),
        name(std::move(scope)),
        kind(std::move(k)),
        budget(std::make_shared<Budget>(std::numeric_limits<std::size_t>::max() / 4, 0, 0)),
        test_point(budget->add({"test", 0, 0})),
        given(h.type.inputs.size()),
        sent(h.type.inputs.size()),
        node(std::move(n)) {
    options.on_failure = [this](const RunFailure& failure) {
      const std::scoped_lock lock(mutex);
      if (!failure.error)  // nothing was thrown: Outputs::leave_out
        harness.left_out.push_back(failure.message);
      else if (!problem)
        problem = failure.error;
    };
  }
  ~Implementation() { stop(); }

  bool opens() const { return harness.type.role == Role::open; }
  bool is_stream(std::size_t input) const { return !harness.type.inputs[input].per_scope; }
  NodeScope& here() { return scope->at(around->number); }
  Router& router() { return *engine->state().router; }

  void start(bool of_run) {
    std::unique_ptr<Node> made;
    if (opens())
      made = std::make_unique<Overhear>(static_cast<Open&>(*node), harness.opened);
    else
      made = std::move(node);
    std::vector<bool> connected;
    for (const Packet& packet : given) connected.push_back(packet.payload != nullptr);
    around.emplace(harness.type, std::move(made), connected, of_run, kind, name, harness.emitted);
    around->plan.memory = budget->total();
    engine = std::make_unique<Engine>(around->plan, nullptr, options, budget);
    for (const std::string& done : done_scopes) engine->state().at(0).scopes[done] = true;
    engine->state().at(around->number).kept = std::move(kept);
    engine->begin();
    scope = around->in_run || of_run ? engine->state().run_scope : engine->open_scopes().at(0);
    std::fill(sent.begin(), sent.end(), false);
    next_expected = 0;
    said_reasons.clear();
    said_notes.clear();
  }

  void stop() {
    if (!engine) return;
    kept = std::move(engine->state().at(around->number).kept);
    scope.reset();
    engine.reset();
    if (!opens()) node = std::move(around->node().node);
  }

  /// The engine knows which inputs are connected; a packet of the scope never changes.
  bool fits_what_is_given() {
    const PlanNode& planned = around->node();
    for (std::size_t i = 0; i < given.size(); ++i) {
      const bool is_connected = planned.from[i].node >= 0;
      if (is_connected != (given[i].payload != nullptr)) return false;
      if (!is_stream(i) && given[i].payload && !sent[i] && next_expected > 0) return false;
    }
    return !scope->failed();
  }

  void send(std::size_t input, Packet packet, std::uint64_t index) {
    std::vector<Outputs::Emission> emissions;
    packet.index = index;
    if (packet.payload) emissions.push_back({0, std::move(packet)});
    router().send(scope, PlanAround::feed(input), emissions, index);
  }

  void send_given() {
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (!given[i].payload || is_stream(i) || sent[i]) continue;
      send(i, given[i], 0);
      sent[i] = true;
    }
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (!given[i].payload || !is_stream(i)) continue;
      if (harness.type.role != Role::map)
        for (std::uint64_t gone = next_expected; gone < next_index; ++gone) send(i, {}, gone);
      send(i, std::exchange(given[i], {}), next_index);
    }
    next_expected = ++next_index;
  }

  /// The same at the end of the scope or the run, after which the engine is taken down.
  void settle_and_stop(std::size_t emitted_before) {
    try {
      settle(emitted_before);
    } catch (...) {
      stop();
      throw;
    }
    stop();
  }

  /// All that follows has come to its end: what was sent comes in order, and what was thrown comes out.
  void settle(std::size_t emitted_before) {
    engine->settle();
    auto& emitted = harness.emitted;
    const auto begin = emitted.begin() + static_cast<std::ptrdiff_t>(emitted_before);
    const auto port_number = [&](const Emitted& e) { return harness.type.output(e.port); };
    std::stable_sort(begin, emitted.end(), [&](const Emitted& a, const Emitted& b) {
      return std::tuple(a.index, port_number(a)) < std::tuple(b.index, port_number(b));
    });
    const ScopeCounts counts = here().counts.get();
    add_new(counts.reasons, said_reasons, harness.drop_reasons);
    add_new(counts.notes, said_notes, harness.notes);
    if (const auto thrown = std::exchange(problem, nullptr)) {
      emitted.erase(begin, emitted.end());
      std::rethrow_exception(thrown);
    }
  }

  static void add_new(const std::map<std::string, std::uint64_t>& now,
                      std::map<std::string, std::uint64_t>& before, std::vector<std::string>& said) {
    for (const auto& [text, times] : now)
      for (std::uint64_t i = before[text]; i < times; ++i) said.push_back(text);
    before = now;
  }

  Harness& harness;
  const std::string name, kind;
  std::shared_ptr<Budget> budget;
  Budget::Point& test_point;
  std::uint64_t leases = 0;
  std::vector<Packet> given;  // by input: for the next call, or for the scope
  std::vector<bool> sent;     // of the scope's
  std::uint64_t next_index = 0, next_expected = 0;
  std::vector<std::string> done_scopes;
  std::map<std::string, std::string> kept;  // by scope
  RunOptions options;
  std::mutex mutex;
  std::exception_ptr problem;
  std::unique_ptr<Node> node;  // while no plan has it
  std::optional<PlanAround> around;
  std::unique_ptr<Engine> engine;
  ScopePtr scope;
  std::map<std::string, std::uint64_t> said_reasons, said_notes;
};

Harness::Harness(NodeType t, std::unique_ptr<Node> n, std::string scope, std::string kind)
    : type(std::move(t)),
      node(*n),
      implementation_(
          std::make_unique<Implementation>(*this, std::move(n), std::move(scope), std::move(kind))) {}
Harness::~Harness() = default;

void Harness::input(std::string_view port, std::string_view packet_type, std::size_t bytes,
                    const std::function<Packet(Lease)>& make) {
  const InputSpec* spec = type.input(port);
  expect(spec != nullptr, "the node has no input '" + std::string(port) + "'");
  expect(spec->type == packet_type,
         "input '" + spec->name + "' takes " + spec->type + ", not " + std::string(packet_type));
  Implementation& its = *implementation_;
  const auto number = static_cast<std::size_t>(spec - type.inputs.data());
  Lease lease;
  if (bytes > 0) lease = its.budget->take_or_wait({&its.test_point, {0, its.leases++}, bytes, {}});
  its.given[number] = make(std::move(lease));
  its.sent[number] = false;
}

void Harness::index(std::uint64_t index) {
  implementation_->next_index = index;
}

void Harness::process() {
  Implementation& its = *implementation_;
  for (std::size_t i = 0; i < its.given.size(); ++i)
    expect(type.inputs[i].optional || its.given[i].payload,
           "input '" + type.inputs[i].name + "' has no packet");
  if (its.engine && !its.fits_what_is_given()) its.stop();
  const std::size_t before = emitted.size();
  if (type.asks_bytes) {
    const TestScope scope(its.kind, its.name);
    ScopeState state;
    const CallBytes bytes = static_cast<const Map&>(node).bytes(Inputs(type.inputs, its.given, scope, state));
    asked = bytes.out + bytes.scratch;
  }
  if (!its.engine) its.start(false);
  its.send_given();
  its.settle(before);
}

void Harness::finish() {
  Implementation& its = *implementation_;
  const std::size_t before = emitted.size();
  if (!its.engine) its.start(false);
  // Packets of the scope that no call has seen.
  for (std::size_t i = 0; i < its.given.size(); ++i)
    if (its.given[i].payload && !its.is_stream(i) && !its.sent[i]) its.send(i, its.given[i], 0);
  const ScopePtr scope = its.scope;
  its.router().add(scope, its.around->number);
  for (std::size_t i = 0; i < its.given.size(); ++i) its.router().release(scope, PlanAround::feed(i));
  its.router().release(scope, its.around->number);
  its.settle_and_stop(before);
}

void Harness::finish_run(std::vector<std::string> done_scopes) {
  Implementation& its = *implementation_;
  its.stop();
  its.done_scopes = std::move(done_scopes);
  const std::size_t before = emitted.size();
  its.start(true);
  its.done_scopes.clear();
  for (std::size_t i = 0; i < its.given.size(); ++i) its.router().release(its.scope, PlanAround::feed(i));
  its.settle_and_stop(before);
}

const Scope& Harness::scope() const {
  if (!implementation_->engine) implementation_->start(false);
  return implementation_->here();
}

void Harness::fail() {
  if (!implementation_->engine) implementation_->start(false);
  implementation_->scope->fail();
}

std::vector<const Emitted*> Harness::on(std::string_view port) const {
  expect(type.output(port) != nullptr, "the node has no output '" + std::string(port) + "'");
  std::vector<const Emitted*> out;
  for (const Emitted& packet : emitted)
    if (packet.port == port) out.push_back(&packet);
  return out;
}

const Emitted& Harness::output(std::string_view port, std::string_view packet_type,
                               std::size_t number) const {
  const auto packets = on(port);
  expect(type.output(port)->type == packet_type,
         "output '" + std::string(port) + "' does not give " + std::string(packet_type));
  expect(number < packets.size(), "expected packet " + std::to_string(number) + " on output '" +
                                      std::string(port) + "', found " + std::to_string(packets.size()) +
                                      " packets");
  return *packets[number];
}

std::size_t Harness::leased() const {
  return implementation_->budget->used();
}
std::size_t Harness::most_leased() const {
  return implementation_->budget->peak();
}

}  // namespace flowrun::testing
