// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/costs.h>
#include <flowrun/error.h>
#include <flowrun/inputs.h>
#include <flowrun/outputs.h>
#include <flowrun/packets.h>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace flowrun {

/// A stage of a graph. Derive from one of the roles below, which say what the runtime does with it: Map,
/// Write, Gather, GatherScopes, Make or Open. Options are members, set before plan(). Calls overlap, in one
/// scope and in several, unless the role says otherwise; members that calls change need a lock, or belong
/// into Inputs::state. Whatever a call throws is reported with node and packet and handled by `on_error`.
/// Every call runs under a lease of what plan() said that it costs.
class Node {
 public:
  virtual ~Node() = default;
  /// Says what packets cost, and throws OptionError when options contradict each other.
  virtual void plan(Costs&) {}
  /// Whether it looks at the content of packets on an input (a tile's pixels), or sends it on to where that
  /// is wanted; false: what is known of them (a tile's place) is enough, and they may come without. Asked
  /// before plan(): `costs` knows which inputs are connected and which outputs are wanted, and no bytes yet.
  virtual bool needs_content(std::string_view /*input*/, const Costs& /*costs*/) const { return true; }
  /// What the results for a scope depend on besides its packets and the options, such as the size and time of
  /// a file that an option names. When it changes, a scope that was done is done anew.
  virtual std::map<std::string, std::string> depends_on(const std::string& /*scope*/) const { return {}; }
};

/// Bytes that one call needs.
struct CallBytes {
  std::size_t out = 0;      ///< of what it emits
  std::size_t scratch = 0;  ///< besides, during the call
};

/// Makes of each packet one packet on some of its outputs, or none. Calls overlap, in any order.
class Map : public Node {
 public:
  virtual void process(Inputs& in, Outputs& out) = 0;
  /// Override it when only the packet tells what a call needs (a mask of a slide's size), within what plan()
  /// said. The call then waits, without a thread, until the budget has the bytes.
  virtual CallBytes bytes(const Inputs&) const { return {}; }
  /// Called once when no more packets of the scope can come, also when it failed. Emits nothing.
  virtual void finish(Inputs&, Outputs&) {}
};

/// What is to be done when it is a packet's turn.
using Action = std::function<void()>;

/// Writes packets in the order of their index, although the work before that runs in parallel.
class Write : public Node {
 public:
  /// Calls overlap, in any order. The action runs after those of all lower indexes of the scope, one at a
  /// time; an empty one does nothing. It may hold packets (Inputs::share).
  virtual Action process(Inputs& in, Outputs& out) = 0;
  /// As Map::finish; all actions have run.
  virtual void finish(Inputs&, Outputs&) {}
};

/// Collects packets of a scope and emits others, made of several and numbered in the order of their emission.
class Gather : public Node {
 public:
  /// Called in the order of the index, one call at a time in a scope. It keeps packets by
  /// Inputs::share, or what it makes of them in its state. What it emits holds the leases of the packets that
  /// it shares then, and of this one and those that it only used since it emitted last.
  virtual void process(Inputs& in, Outputs& out) = 0;
  /// Called once when no more packets of the scope can come, also when it failed. Gives what is still to be
  /// emitted; the scope's state lives until that is made.
  virtual Packets finish(Inputs&, Outputs&) { return {}; }
};

/// Takes the packets of many scopes (slides, epochs), and emits for the run when all of them have ended.
/// What it carries from scope to scope it keeps, or are members; scopes overlap unless their opener is
/// successive(). Scopes that an earlier run has done are made again for it, unless it kept what it needs of
/// them (Outputs::keep), or resumes().
class GatherScopes : public Node {
 public:
  /// As Write::process.
  virtual Action process(Inputs& in, Outputs& out) = 0;
  /// At the end of each scope, as Write::finish.
  virtual void finish(Inputs&, Outputs&) {}
  /// Once, when all scopes have ended and are published; `in` has the packets of inputs that come from the
  /// run. Gives what is to be emitted.
  virtual Packets finish_run(Inputs&, Outputs&) { return {}; }
};

/// Makes many packets of one: tiles of a slide, cells of a tile. Without inputs, packets of the run.
class Make : public Node {
 public:
  /// Called for each input packet in the order of the index, when the last packet of the one before has been
  /// begun. Packets are numbered over all inputs of the scope.
  virtual Packets make(Inputs& in) = 0;
};

/// Opens scopes: each packet that it makes begins one of its own, called after the output port.
class Open : public Node {
 public:
  /// Called for each input packet of the run, or once where there is no input.
  virtual Scopes open(Inputs& in) = 0;
};

}  // namespace flowrun
