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

/// A packet that a node sent.
struct Emitted {
  std::string port;
  std::uint64_t index = 0;
  std::shared_ptr<const void> payload;
  Lease lease;
};

/// The engine with a plan of one node, whose inputs a test feeds. See NodeRunner.
class Harness {
 public:
  Harness(NodeType type, std::unique_ptr<Node> node, std::string scope, std::string kind);
  ~Harness();
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  void input(std::string_view port, std::string_view type, std::size_t bytes,
             const std::function<Packet(Lease)>& make);
  void index(std::uint64_t index);
  void process();
  void finish();
  void finish_run(std::vector<std::string> done_scopes);
  const Scope& scope() const;
  void fail();

  std::vector<const Emitted*> on(std::string_view port) const;
  const Emitted& output(std::string_view port, std::string_view type, std::size_t number) const;
  std::size_t leased() const;
  std::size_t most_leased() const;

  const NodeType type;
  Node& node;
  std::vector<Emitted> emitted;
  std::vector<NewScope> opened;
  std::vector<std::string> drop_reasons, notes, left_out;
  std::size_t asked = 0;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

/// Runs one node in the engine that runs graphs:
///
///   NodeRunner<FocusFilter> runner;
///   runner.option("min_sharpness", "20").input("tile", blurred).process();
///   CHECK(runner.emitted("tile") == 0);
///
/// Packets come with growing indexes in one scope, one after the other, and each call has come to its end,
/// with all that it caused, before the next begins. What a scope writes is at its final place at once.
/// Not thread-safe.
template <class T>
class NodeRunner {
 public:
  explicit NodeRunner(std::string scope = "scope", std::string kind = "test")
      : harness_(described(), std::make_unique<T>(), std::move(scope), std::move(kind)) {}

  T& node() { return static_cast<T&>(harness_.node); }
  const NodeType& type() const { return harness_.type; }
  const Scope& scope() const { return harness_.scope(); }
  /// From now on the scope counts as failed.
  NodeRunner& fail_scope() { return harness_.fail(), *this; }

  /// Sets an option as a graph file would: type, choices and range are checked. Throws what the graph's
  /// author would be told.
  NodeRunner& option(std::string_view name, const std::string& text) {
    const OptionSpec* option = type().option(name);
    expect(option != nullptr, "the node has no option '" + std::string(name) + "'");
    option->apply(harness_.node, yaml(text));
    return *this;
  }
  /// What Node::plan says, given the bytes of a packet on each connected input, and what was told of them.
  /// Throws what it throws. An output that it does not set is as large as the largest input.
  Costs plan(const std::map<std::string, std::size_t, std::less<>>& inputs = {},
             const std::map<std::string, Costs::Told, std::less<>>& told_of_inputs = {}) {
    Costs costs;
    costs.inputs = inputs;
    costs.told_of_inputs = told_of_inputs;
    harness_.node.plan(costs);
    costs.set_defaults(type());
    return costs;
  }

  /// Puts a payload on a port, with a lease of `bytes`. Ports with one packet per scope keep theirs, others
  /// are used up by process().
  template <Payload P>
  NodeRunner& input(std::string_view port, P payload, std::size_t bytes = 0) {
    const auto make = [&](Lease lease) { return Packet::make(std::move(payload), std::move(lease), 0); };
    harness_.input(port, P::packet_type, bytes, make);
    return *this;
  }
  /// The index that the next packet has; without it one more than the last one's.
  NodeRunner& index(std::uint64_t index) { return harness_.index(index), *this; }

  /// One call with the packets put on the ports and all that follows from it: of a node that writes in order
  /// its action, of one that makes or opens all that it gives. What it throws comes out here, and nothing
  /// that the call sent is kept.
  NodeRunner& process() { return harness_.process(), *this; }
  /// One call of process() that must throw a std::exception; its text. Throws Failure when it does not.
  std::string error() {
    try {
      process();
    } catch (const std::exception& problem) {
      return problem.what();
    }
    throw Failure("process() did not throw");
  }
  /// The end of the scope. The node's state goes.
  NodeRunner& finish() { return harness_.finish(), *this; }
  /// The end of the run, of a node that gathers scopes.
  NodeRunner& finish_run(std::vector<std::string> done_scopes = {}) {
    return harness_.finish_run(std::move(done_scopes)), *this;
  }

  /// Every packet sent so far: by call, then by index, then in the order in which ports are described.
  const std::vector<Emitted>& emissions() const { return harness_.emitted; }
  /// How many packets came out of a port so far.
  std::size_t emitted(std::string_view port) const { return harness_.on(port).size(); }
  /// The payload of one of them. Throws Failure when there are not so many.
  template <Payload P>
  const P& output(std::string_view port, std::size_t number = 0) const {
    return *static_cast<const P*>(harness_.output(port, P::packet_type, number).payload.get());
  }
  /// Throws Failure unless `count` packets came out of a port so far.
  NodeRunner& expect_emitted(std::string_view port, std::size_t count) {
    const std::size_t found = emitted(port);
    expect(found == count, "expected " + std::to_string(count) + " packets on output '" + std::string(port) +
                               "', found " + std::to_string(found));
    return *this;
  }
  /// Lets go of what was sent so far, and with it of its leases.
  NodeRunner& forget() { return harness_.emitted.clear(), *this; }

  /// The scopes that a node opened so far.
  const std::vector<NewScope>& opened() const { return harness_.opened; }
  /// What Outputs::drop, Outputs::note and Outputs::leave_out were told so far.
  const std::vector<std::string>& drop_reasons() const { return harness_.drop_reasons; }
  const std::vector<std::string>& notes() const { return harness_.notes; }
  const std::vector<std::string>& left_out() const { return harness_.left_out; }

  /// The bytes that Map::bytes asked for before the last process().
  std::size_t asked() const { return harness_.asked; }
  /// The bytes leased now: by packets that wait or were sent, and by what the node keeps.
  std::size_t leased() const { return harness_.leased(); }
  std::size_t most_leased() const { return harness_.most_leased(); }

 private:
  static NodeType described() {
    NodeType type;
    Description<T> description(type);
    T::describe(description);
    return type;
  }
  Harness harness_;
};

}  // namespace flowrun::testing
