// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/error.h>
#include <flowrun/node_type.h>
#include <flowrun/packet.h>
#include <flowrun/scope.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flowrun {

/// What a node keeps for one scope; made on first use, destroyed when the node has finished the scope.
struct ScopeState {
  std::mutex making;
  std::shared_ptr<void> value;
};

/// The packets of one call: one of each connected input.
class Inputs {
 public:
  Inputs(const std::vector<InputSpec>& ports, std::vector<Packet> packets, const Scope& scope,
         ScopeState& state, std::vector<std::string> done_scopes = {})
      : ports_(&ports),
        packets_(std::move(packets)),
        scope_(&scope),
        state_(&state),
        done_scopes_(std::move(done_scopes)) {}

  /// The payload on `port`. Throws Error when the port is unconnected (ask has() for optional ones).
  template <Payload T>
  const T& get(std::string_view port) const {
    return *static_cast<const T*>(at(port, T::packet_type).payload.get());
  }
  /// The same, to keep: its lease is held as long as the pointer.
  template <Payload T>
  std::shared_ptr<const T> share(std::string_view port) const {
    const Packet& packet = at(port, T::packet_type);
    return {packet.payload, static_cast<const T*>(packet.payload.get())};
  }
  bool has(std::string_view port) const;
  /// The lease of the packet on `port`, to keep with what is made from it when the packet itself is let go.
  Lease lease(std::string_view port) const;
  /// The payload on `port`, to be changed: the payload itself when nobody else holds it, else a copy of it.
  /// The call then has no packet on that port any more.
  template <Payload T>
  T take(std::string_view port);

  const Scope& scope() const { return *scope_; }
  /// In finish() of the run, of a node that gathers scopes: the names, sorted, of its scopes that are done
  /// and published, also by earlier runs.
  const std::vector<std::string>& done_scopes() const { return done_scopes_; }
  /// The packet's index within its scope; packets that a node emits for it keep the index.
  std::uint64_t index() const;
  /// The node's own state for this scope, default-constructed on first use. Calls in one scope may run at
  /// the same time and share it.
  template <class S>
  S& state() const {
    std::scoped_lock lock(state_->making);
    if (!state_->value) state_->value = std::make_shared<S>();
    return *static_cast<S*>(state_->value.get());
  }

  /// For the runtime.
  const std::vector<Packet>& packets() const { return packets_; }
  const std::vector<InputSpec>& ports() const { return *ports_; }

 private:
  const Packet& at(std::string_view port, std::string_view type) const;

  const std::vector<InputSpec>* ports_;
  std::vector<Packet> packets_;  // by port; without payload: unconnected
  const Scope* scope_;
  ScopeState* state_;
  std::vector<std::string> done_scopes_;
};

template <Payload T>
T Inputs::take(std::string_view port) {
  const auto& packet = at(port, T::packet_type);
  const std::shared_ptr<const void> payload =
      std::move(packets_[static_cast<std::size_t>(&packet - packets_.data())].payload);
  // Whoever held it before let it go with an atomic step, and so does this copy: what the others did with the
  // payload has happened before it is changed.
  std::shared_ptr<const void>(payload).reset();
  const T& value = *static_cast<const T*>(payload.get());
  // Payloads are made as objects that are not const (Packet::make); with one holder nobody else can look.
  if (payload.use_count() == 1) return std::move(const_cast<T&>(value));
  return value;
}

/// Where a call puts its results. A call of process() emits at most one packet per port; emitting none
/// drops the packet, and that is counted.
class Outputs {
 public:
  Outputs(const std::vector<OutputSpec>& ports, const Inputs* inputs, Lease lease, std::uint64_t index,
          bool several = false)
      : ports_(&ports), inputs_(inputs), lease_(std::move(lease)), index_(index), several_(several) {}

  /// Sends a new payload. It holds the leases of the call's inputs (and the call's own), so that whatever
  /// is made from a leased packet stays leased.
  template <Payload T>
  void emit(std::string_view port, T value) {
    put(port, T::packet_type, Packet::make(std::move(value), lease_, index_));
  }
  /// Sends the packet of the first input on, unchanged and uncopied.
  void forward(std::string_view port);
  /// Runs `action` after the actions of all lower indexes of the scope, one at a time: for what must be
  /// written in order although the work before it ran in parallel. The type must be described `in_order`.
  void in_order(std::function<void()> action) { in_order_ = std::move(action); }
  /// Counts the packet as dropped for this reason ("blurred"), which the summary tells, even if it goes to
  /// another port. A packet for which nothing is emitted is dropped too, without a reason.
  void drop(std::string reason) { drop_reason_ = std::move(reason); }
  /// Tells the user in the summary what is no error but worth knowing; a text said again is counted.
  void note(std::string text) { notes_.push_back(std::move(text)); }
  /// In finish() of a scope whose source is successive(): the source opens none after it (a training that
  /// gets no better), nor do later runs while this scope counts as done. Elsewhere it is the plugin's
  /// mistake.
  void end_scopes() { ends_scopes_ = true; }
  /// Gives back what exceeds `bytes` of the lease that Node::bytes asked for.
  void keep_leased(std::size_t bytes);

  /// For the runtime.
  struct Emission {
    int port;
    Packet packet;
  };
  std::vector<Emission>& emissions() { return emissions_; }
  std::function<void()>& in_order_action() { return in_order_; }
  const std::optional<std::string>& drop_reason() const { return drop_reason_; }
  const std::vector<std::string>& notes() const { return notes_; }
  bool ends_scopes() const { return ends_scopes_; }
  void own_lease(Lease own) { own_ = std::move(own); }

 private:
  void put(std::string_view port, std::string_view type, Packet packet);

  const std::vector<OutputSpec>* ports_;
  const Inputs* inputs_;
  Lease lease_;
  Lease own_;
  std::uint64_t index_;
  bool several_;  // packets on one port: at the end of a scope
  std::vector<Emission> emissions_;
  std::function<void()> in_order_;
  std::optional<std::string> drop_reason_;
  std::vector<std::string> notes_;
  bool ends_scopes_ = false;
};

/// What one packet costs in bytes, said before anything runs. From these the plan knows the peak cost of a
/// packet along its whole way.
class Costs {
 public:
  std::size_t threads = 1;  ///< of the run: so many calls may overlap; set before plan()
  std::size_t scratch = 0;  ///< temporary bytes during one call
  /// Bytes that the node keeps of its own for each scope in flight; of a node in the run: for the whole run.
  std::size_t keeps = 0;
  /// Bytes that it keeps once, however many scopes there are: a model. What a node with one call at a time
  /// needs then (activations) is better counted here than as scratch of every packet.
  std::size_t keeps_for_run = 0;
  std::size_t leases = 0;  ///< the most that Node::bytes() may ask for
  std::size_t holds = 0;   ///< packets that the node may keep per scope before it lets go (a batch: size - 1)

  /// The input is connected.
  bool has(std::string_view port) const { return inputs.contains(port); }
  /// Bytes of one packet on an input; 0 when unconnected.
  std::size_t in(std::string_view port) const;
  /// Sets the bytes of one packet on an output. Not set: as large as the largest input. Of a node that
  /// gathers packets: the share of the output that each of them has (a batch: the bytes of one sample).
  void out(std::string_view port, std::size_t bytes);
  /// The packets on `port` are those of the first input, not copies.
  void forwards(std::string_view port);

  /// For the runtime: whatever is not set yet gets its default.
  void set_outputs(const std::vector<OutputSpec>& ports);
  struct Out {
    std::optional<std::size_t> bytes;
    bool forwarded = false;
  };
  std::map<std::string, std::size_t, std::less<>> inputs;
  std::map<std::string, Out, std::less<>> outputs;
};

/// A stage of a graph. Its options are members, set before plan(). process() and finish() run on many
/// packets at once unless the description says otherwise; members that calls change need a lock, or belong
/// into Inputs::state. Whatever a call throws is reported with node and packet and handled by `on_error`.
class Node {
 public:
  virtual ~Node() = default;
  /// Says what packets cost, and throws OptionError when options contradict each other.
  virtual void plan(Costs&) {}
  /// Bytes to lease before process() is called, when only the packet tells (a mask of a slide's size). The
  /// call waits, without a thread, until the budget has them.
  virtual std::size_t bytes(const Inputs&) const { return 0; }
  /// What the results for a scope depend on besides its packets and the options, such as the size and time of
  /// a file that an option names. When it changes, a scope that was done is done anew. Must not throw.
  virtual std::map<std::string, std::string> depends_on(const std::string& /*scope*/) const { return {}; }
  virtual void process(Inputs& in, Outputs& out) = 0;
  /// Called once when no more packets of the scope can come, also when it failed. A node that gathers may
  /// emit here, any number of packets; one that gathers scopes in the call for the run, which comes when all
  /// of its scopes have ended and are published.
  virtual void finish(Inputs&, Outputs&) {}
};

/// A scope that a source opens.
struct NewScope {
  std::string name;                             ///< unique within the run, fit for a file name
  std::map<std::string, std::string> identity;  ///< tells whether it is unchanged since an earlier run
};

/// One packet still to be made.
struct Work {
  std::function<void(Outputs&)> make;  ///< reads and emits; runs at the same time as others of its generator
  std::optional<NewScope> scope = {};  ///< on ports that open scopes
};

/// The packets that a source makes for one input, one after the other and no sooner than there is memory.
class Generator {
 public:
  virtual ~Generator() = default;
  /// The next packet to make, or nothing at the end. Cheap: called by one thread at a time, with the lease
  /// already taken. The generator outlives the works that it gave.
  virtual std::optional<Work> next() = 0;
  /// Bytes that each packet costs beyond what plan() said, when only the input tells.
  virtual std::size_t extra_bytes() const { return 0; }
  /// How many there will be, if known.
  virtual std::optional<std::uint64_t> total() const { return {}; }
};

/// A node that opens new packets. Each takes a lease of the peak cost of its whole way before it is made.
class Source : public Node {
 public:
  /// Called for each input; for a source without inputs once.
  virtual std::unique_ptr<Generator> start(Inputs& in) = 0;
  void process(Inputs&, Outputs&) final {}
};

}  // namespace flowrun
