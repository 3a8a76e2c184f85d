// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/node_type.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun {

/// What one packet costs in bytes, said before anything runs. From these the plan knows the peak cost of a
/// packet along its whole way, which is leased before the packet is made.
class Costs {
 public:
  std::size_t threads = 1;  ///< of the run: so many calls may overlap; set before plan()
  /// Temporary bytes during one call of any function of the node. Of a node that writes in order: with those
  /// that an action holds until its turn. Of a node with bytes(): the most that it may ask for.
  std::size_t scratch = 0;
  /// Bytes that the node keeps of its own for each scope in flight; of a node in the run: for the whole run.
  std::size_t keeps = 0;
  /// Bytes that it keeps once, however many scopes there are: a model. What a node with one call at a time
  /// needs then (activations) is better counted here than as scratch of every packet.
  std::size_t keeps_for_run = 0;
  /// What it takes of a GPU's own memory while the run lasts: of `device_memory:`, and not of `memory:`.
  struct OnDevice {
    std::string device;     ///< "cuda:0"
    std::size_t all = 0;    ///< bytes of the device's memory
    std::size_t free = 0;   ///< of these the ones that this process may have
    std::size_t fixed = 0;  ///< bytes whatever it computes with: weights, gradients, an optimizer's state
    std::size_t per_sample = 0;  ///< bytes for each sample of a batch: activations, and what is copied there
    std::size_t batch = 0;       ///< samples of its largest batch
    /// Called when the plan is right: with the bytes that all nodes on the device may take together.
    std::function<void(std::size_t)> bound = {};
    std::size_t bytes() const { return fixed + batch * per_sample; }
  };
  std::optional<OnDevice> on_device;  ///< empty: none
  /// Of a node that gathers: packets that it may keep per scope between two calls (a batch: size - 1).
  std::size_t holds = 0;

  /// The input is connected.
  bool has(std::string_view port) const { return inputs.contains(port); }
  /// Bytes of one packet on an input; 0 when unconnected.
  std::size_t in(std::string_view port) const;
  /// Sets the most bytes of one packet on an output. Not set: as large as the largest input. Of a node that
  /// gathers: of a packet made of as many as it may hold and one more; one made of fewer has its share.
  void out(std::string_view port, std::size_t bytes);
  /// The packets on `port` are those of an input (the first, if none is named), not copies: of a Map; or of a
  /// Gather, which shares them until it passes them on, one a call, each with its own lease alone.
  void forwards(std::string_view port, std::string_view input = {});

  /// What else a plan is to know of an output's packets: a number by its name, as the folds of a training.
  /// Nodes pass on what they were told, of several inputs the one that they forward or the first that was,
  /// unless they tell it anew: who makes something new of packets (another training) tells what it is.
  void tell(std::string_view output, std::string_view name, std::int64_t number);
  /// What was told of an input's packets, by whichever node before it told it last. Nothing: none did.
  std::optional<std::int64_t> told(std::string_view input, std::string_view name) const;

  /// Nodes after the output need its packets' content (Node::needs_content).
  bool wanted(std::string_view output) const { return !unwanted.contains(output); }
  /// As nobody needs it, packets on `port` come without content (a tile with its place, but no pixels): they
  /// weigh nothing, while in() of nodes after it is still what out() says.
  void omits(std::string_view port) { outputs[std::string(port)].omitted = true; }

  /// For the runtime: whatever is not set yet gets its default.
  void set_defaults(const NodeType& type);
  using Told = std::map<std::string, std::int64_t, std::less<>>;
  struct Out {
    std::optional<std::size_t> bytes;
    Told told;
    std::optional<std::string> forwarded;  ///< the input whose packets these are
    bool omitted = false;                  ///< they come without content
  };
  std::map<std::string, std::size_t, std::less<>> inputs;
  std::map<std::string, Told, std::less<>> told_of_inputs;
  std::map<std::string, Out, std::less<>> outputs;
  std::set<std::string, std::less<>> unwanted;  ///< outputs; set before plan()
};

}  // namespace flowrun
