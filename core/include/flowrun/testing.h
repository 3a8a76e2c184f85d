// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace flowrun::testing {

/// Runs one node without a graph, for tests of plugins:
///
///   NodeRunner<FocusFilter> runner;
///   runner.node().min_sharpness = 20;
///   runner.input("tile", blurred).process();
///   CHECK(runner.emitted("tile") == 0);
///
/// Packets come with growing indexes in one scope. In-order actions run at once. Not thread-safe.
template <class T>
class NodeRunner {
 public:
  explicit NodeRunner(std::string scope_name = "scope") : scope_(std::move(scope_name)) {
    Description<T> description(type_);
    T::describe(description);
    packets_.resize(type_.inputs.size());
  }

  T& node() { return node_; }
  const NodeType& type() const { return type_; }

  /// Puts a payload on a port. Ports with one packet per scope keep theirs, others are used up by process().
  template <Payload P>
  NodeRunner& input(std::string_view port, P payload) {
    for (std::size_t i = 0; i < packets_.size(); ++i)
      if (type_.inputs[i].name == port) packets_[i] = Packet::make(std::move(payload), nullptr, next_index_);
    return *this;
  }
  NodeRunner& process() {
    Inputs inputs(type_.inputs, packets_, scope_, state_);
    Outputs outputs(type_.outputs, &inputs, nullptr, next_index_++);
    node_.process(inputs, outputs);
    collect(outputs);
    for (std::size_t i = 0; i < packets_.size(); ++i)
      if (!type_.inputs[i].per_scope) packets_[i] = {};
    return *this;
  }
  /// For sources: makes everything that one input gives.
  NodeRunner& generate() {
    Inputs inputs(type_.inputs, packets_, scope_, state_);
    const auto generator = static_cast<Source&>(static_cast<Node&>(node_)).start(inputs);
    for (std::uint64_t index = 0; auto work = generator->next(); ++index) {
      Outputs outputs(type_.outputs, nullptr, nullptr, index);
      work->make(outputs);
      collect(outputs);
    }
    return *this;
  }
  NodeRunner& finish() {
    Inputs inputs(type_.inputs, packets_, scope_, state_);
    Outputs outputs(type_.outputs, nullptr, nullptr, 0);
    node_.finish(inputs, outputs);
    collect(outputs);
    return *this;
  }

  /// What Outputs::drop and Outputs::note were told so far.
  const std::vector<std::string>& drop_reasons() const { return drop_reasons_; }
  const std::vector<std::string>& notes() const { return notes_; }
  /// How many packets came out of a port so far, and the payload of one.
  std::size_t emitted(std::string_view port) const { return outputs_of(port).size(); }
  template <Payload P>
  const P& output(std::string_view port, std::size_t number = 0) const {
    return *static_cast<const P*>(outputs_of(port).at(number).payload.get());
  }

 private:
  class TestScope final : public Scope {
   public:
    explicit TestScope(std::string name) : name_(std::move(name)) {}
    const std::string& kind() const override { return kind_; }
    const std::string& name() const override { return name_; }
    bool failed() const override { return false; }
    /// Final at once: there is no run that could publish it.
    std::filesystem::path stage(const std::filesystem::path& folder,
                                const std::filesystem::path& unit) const override {
      std::filesystem::create_directories((folder / unit).parent_path());
      return folder / unit;
    }
    std::filesystem::path hand_on(const std::filesystem::path& folder,
                                  const std::filesystem::path& unit) const override {
      return stage(folder, unit);
    }

   private:
    std::string kind_ = "test";
    std::string name_;
  };

  void collect(Outputs& outputs) {
    for (Outputs::Emission& emission : outputs.emissions())
      emitted_[type_.outputs[static_cast<std::size_t>(emission.port)].name].push_back(
          std::move(emission.packet));
    if (outputs.drop_reason()) drop_reasons_.push_back(*outputs.drop_reason());
    notes_.insert(notes_.end(), outputs.notes().begin(), outputs.notes().end());
    if (outputs.in_order_action()) outputs.in_order_action()();
  }
  const std::vector<Packet>& outputs_of(std::string_view port) const {
    static const std::vector<Packet> none;
    const auto it = emitted_.find(port);
    return it == emitted_.end() ? none : it->second;
  }

  NodeType type_;
  T node_;
  TestScope scope_;
  ScopeState state_;
  std::vector<Packet> packets_;
  std::uint64_t next_index_ = 0;
  std::vector<std::string> drop_reasons_, notes_;
  std::map<std::string, std::vector<Packet>, std::less<>> emitted_;
};

}  // namespace flowrun::testing
