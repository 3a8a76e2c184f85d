// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Tests of nodes without a graph, from doctest, GoogleTest, or a plain main(): what is wrong is thrown.
namespace flowrun::testing {

/// An expectation of a test that does not hold. Test frameworks report it as a failed test; a main() that
/// lets it out ends with its text and a nonzero code.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws Failure unless `right`.
inline void expect(bool right, const std::string& what) {
  if (!right) throw Failure(what);
}

/// A value as a graph file has it: "512", "[a, b]", "{tumor: 1}". Throws Failure when it is no YAML.
Value yaml(const std::string& text);

/// A folder in the system's temporary one, removed with all that is in it at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// A budget without an end that counts what is leased.
class Leases {
 public:
  Leases();
  ~Leases();
  Lease take(std::size_t bytes);
  std::size_t held() const;  ///< bytes leased now
  std::size_t peak() const;  ///< most bytes leased at one time

 private:
  std::unique_ptr<Budget> budget_;
  Account* account_;
};

/// A packet that a node sent, in the order in which it sent them.
struct Emitted {
  std::string port;
  std::uint64_t index = 0;
  std::shared_ptr<const void> payload;
  Lease lease;
};

/// A scope that is not part of a run.
class TestScope final : public Scope {
 public:
  TestScope(std::string kind, std::string name) : kind_(std::move(kind)), name_(std::move(name)) {}
  const std::string& kind() const override { return kind_; }
  const std::string& name() const override { return name_; }
  bool failed() const override { return failed_; }
  /// The final path at once: there is no run that could publish it.
  std::filesystem::path stage(const std::filesystem::path& folder,
                              const std::filesystem::path& unit) const override;
  std::filesystem::path hand_on(const std::filesystem::path& folder,
                                const std::filesystem::path& unit) const override {
    return stage(folder, unit);
  }
  void fail() { failed_ = true; }

 private:
  std::string kind_, name_;
  bool failed_ = false;
};

/// Runs one node:
///
///   NodeRunner<FocusFilter> runner;
///   runner.option("min_sharpness", "20").input("tile", blurred).process();
///   CHECK(runner.emitted("tile") == 0);
///
/// Packets come with growing indexes in one scope, one after the other; what calls give to Outputs::in_order
/// runs at once. Payloads must not outlive the runner, which counts their leases. Not thread-safe.
template <class T>
class NodeRunner {
 public:
  explicit NodeRunner(std::string scope = "scope", std::string kind = "test")
      : scope_(std::move(kind), std::move(scope)) {
    Description<T> description(type_);
    T::describe(description);
    packets_.resize(type_.inputs.size());
  }

  T& node() { return node_; }
  const NodeType& type() const { return type_; }
  TestScope& scope() { return scope_; }

  /// Sets an option as a graph file would: type, choices and range are checked. Throws what the graph's
  /// author would be told.
  NodeRunner& option(std::string_view name, const std::string& text) {
    const OptionSpec* option = type_.option(name);
    expect(option != nullptr, "the node has no option '" + std::string(name) + "'");
    option->apply(node_, yaml(text));
    return *this;
  }
  /// What Node::plan says, given the bytes of a packet on each connected input. Throws what it throws. An
  /// output that it does not set is as large as the largest input.
  Costs plan(const std::map<std::string, std::size_t, std::less<>>& inputs = {}) {
    Costs costs;
    costs.inputs = inputs;
    static_cast<Node&>(node_).plan(costs);
    costs.set_outputs(type_.outputs);
    return costs;
  }

  /// Puts a payload on a port, with a lease of `bytes`. Ports with one packet per scope keep theirs, others
  /// are used up by process().
  template <Payload P>
  NodeRunner& input(std::string_view port, P payload, std::size_t bytes = 0) {
    const InputSpec* spec = type_.input(port);
    expect(spec != nullptr, "the node has no input '" + std::string(port) + "'");
    expect(spec->type == P::packet_type,
           "input '" + spec->name + "' takes " + spec->type + ", not " + std::string(P::packet_type));
    const auto number = static_cast<std::size_t>(spec - type_.inputs.data());
    packets_[number] = Packet::make(std::move(payload), bytes ? leases_.take(bytes) : nullptr, next_index_);
    return *this;
  }
  /// The index that the next packet has; without it one more than the last one's.
  NodeRunner& index(std::uint64_t index) {
    next_index_ = index;
    for (std::size_t i = 0; i < packets_.size(); ++i)
      if (!type_.inputs[i].per_scope) packets_[i].index = index;
    return *this;
  }

  /// One call of process(). What it throws comes out here, and nothing that the call sent is kept.
  NodeRunner& process() {
    Inputs inputs = take_inputs();
    const std::uint64_t index = next_index_++;
    asked_ = static_cast<const Node&>(node_).bytes(inputs);
    const Lease own = asked_ ? leases_.take(asked_) : nullptr;
    Outputs outputs(type_.outputs, &inputs, combined(inputs.packets(), own),
                    type_.gathers ? renumbered_ : index);
    if (own) outputs.own_lease(own);
    node_.process(inputs, outputs);
    if (type_.gathers && !outputs.emissions().empty()) ++renumbered_;
    collect(outputs);
    return *this;
  }
  /// One call of process() that must throw a std::exception; its text. Throws Failure when it does not.
  std::string error() {
    try {
      process();
    } catch (const std::exception& problem) {
      return problem.what();
    }
    throw Failure("process() did not throw");
  }
  /// For sources: makes everything that one input gives.
  NodeRunner& generate() {
    Inputs inputs = take_inputs();
    const auto generator = static_cast<Source&>(static_cast<Node&>(node_)).start(inputs);
    for (std::uint64_t index = 0; auto work = generator->next(); ++index) {
      Outputs outputs(type_.outputs, nullptr, nullptr, index);
      work->make(outputs);
      if (work->scope) opened_.push_back(*work->scope);
      collect(outputs);
    }
    return *this;
  }
  /// The end of the scope; after scope().fail() that of a scope that failed. The node's state goes.
  NodeRunner& finish() {
    Inputs inputs(type_.inputs, packets_, scope_, state_);
    Outputs outputs(type_.outputs, nullptr, nullptr, renumbered_, true);
    node_.finish(inputs, outputs);
    expect(outputs.emissions().empty() || type_.gathers,
           "only a node described as gathers() may emit in finish()");
    collect(outputs);
    state_.value.reset();
    return *this;
  }

  /// Every packet sent so far, in the order in which they were sent.
  const std::vector<Emitted>& emissions() const { return emitted_; }
  /// How many packets came out of a port so far.
  std::size_t emitted(std::string_view port) const { return on(port).size(); }
  /// The payload of one of them. Throws Failure when there are not so many.
  template <Payload P>
  const P& output(std::string_view port, std::size_t number = 0) const {
    const auto packets = on(port);
    const OutputSpec* spec = type_.output(port);
    expect(spec && spec->type == P::packet_type,
           "output '" + std::string(port) + "' does not give " + std::string(P::packet_type));
    expect(number < packets.size(), "expected packet " + std::to_string(number) + " on output '" +
                                        std::string(port) + "', found " + std::to_string(packets.size()) +
                                        " packets");
    return *static_cast<const P*>(packets[number]->payload.get());
  }
  /// Throws Failure unless `count` packets came out of a port so far.
  NodeRunner& expect_emitted(std::string_view port, std::size_t count) {
    const std::size_t found = emitted(port);
    expect(found == count, "expected " + std::to_string(count) + " packets on output '" + std::string(port) +
                               "', found " + std::to_string(found));
    return *this;
  }
  /// Lets go of what was sent so far, and with it of its leases.
  NodeRunner& forget() { return emitted_.clear(), *this; }

  /// The scopes that a source opened so far.
  const std::vector<NewScope>& opened() const { return opened_; }
  /// What Outputs::drop and Outputs::note were told so far.
  const std::vector<std::string>& drop_reasons() const { return drop_reasons_; }
  const std::vector<std::string>& notes() const { return notes_; }

  /// The bytes that Node::bytes asked for before the last process().
  std::size_t asked() const { return asked_; }
  /// The bytes leased now: by packets that wait or were sent, and by what the node keeps.
  std::size_t leased() const { return leases_.held(); }
  std::size_t most_leased() const { return leases_.peak(); }

 private:
  /// The packets of a call; those of the scope stay for the next one.
  Inputs take_inputs() {
    std::vector<Packet> packets = packets_;
    for (std::size_t i = 0; i < packets_.size(); ++i) {
      const InputSpec& port = type_.inputs[i];
      expect(port.optional || packets[i].payload, "input '" + port.name + "' has no packet");
      if (!port.per_scope) packets_[i] = {};
    }
    return Inputs(type_.inputs, std::move(packets), scope_, state_);
  }
  static Lease combined(const std::vector<Packet>& packets, const Lease& own) {
    std::vector<Lease> parts;
    for (const Packet& packet : packets)
      if (packet.lease) parts.push_back(packet.lease);
    if (own) parts.push_back(own);
    return parts.empty() ? nullptr : std::make_shared<LeasedBytes>(std::move(parts));
  }
  void collect(Outputs& outputs) {
    for (Outputs::Emission& emission : outputs.emissions()) {
      const std::string& port = type_.outputs[static_cast<std::size_t>(emission.port)].name;
      emitted_.push_back({port, emission.packet.index, std::move(emission.packet.payload),
                          std::move(emission.packet.lease)});
    }
    if (outputs.drop_reason()) drop_reasons_.push_back(*outputs.drop_reason());
    notes_.insert(notes_.end(), outputs.notes().begin(), outputs.notes().end());
    if (outputs.in_order_action()) outputs.in_order_action()();
  }
  std::vector<const Emitted*> on(std::string_view port) const {
    expect(type_.output(port) != nullptr, "the node has no output '" + std::string(port) + "'");
    std::vector<const Emitted*> out;
    for (const Emitted& packet : emitted_)
      if (packet.port == port) out.push_back(&packet);
    return out;
  }

  Leases leases_;  // first: whatever holds one goes before
  NodeType type_;
  T node_;
  TestScope scope_;
  ScopeState state_;
  std::vector<Packet> packets_;
  std::uint64_t next_index_ = 0;
  std::uint64_t renumbered_ = 0;
  std::size_t asked_ = 0;
  std::vector<NewScope> opened_;
  std::vector<std::string> drop_reasons_, notes_;
  std::vector<Emitted> emitted_;
};

}  // namespace flowrun::testing
