// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/inputs.h>
#include <flowrun/packet.h>
#include <flowrun/report.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flowrun {

/// Where a call puts its results: at most one packet on each port; a call that emits none drops its packet,
/// and that is counted. Belongs to the call: not thread-safe, and gone when the call returns. A call that
/// computes with several threads emits from one of them, when the others are done.
class Outputs {
 public:
  /// `inputs`: of the call, or null where it has none; `lease`: what is emitted holds it.
  Outputs(const std::vector<OutputSpec>& ports, const Inputs* inputs, Lease lease, std::uint64_t index)
      : ports_(&ports), inputs_(inputs), lease_(std::move(lease)), index_(index) {}

  /// Sends a new payload. Throws std::logic_error when the node has no such port, or emitted there already.
  template <Payload T>
  void emit(std::string_view port, T value) {
    put(port, T::packet_type, Packet::make(std::move(value), lease_, index_));
  }
  /// Sends the packet of an input on, unchanged and uncopied; of the node's first input if none is named.
  void forward(std::string_view port, std::string_view input = {});
  /// Counts the packet as dropped for this reason ("blurred"), which the summary tells, even if it goes to
  /// another port. A packet for which nothing is emitted is dropped too, without a reason.
  void drop(std::string reason) { drop_reason_ = std::move(reason); }
  /// Tells the user in the summary what is no error but worth knowing; a text said again is counted.
  void note(std::string text) { notes_.push_back(std::move(text)); }
  /// Something in the input is wrong, and the node goes on without it: a file that it leaves out. It is told
  /// as an error that `on_error: skip` passes over: at once, in the summary, and by the exit code.
  void leave_out(std::string why) { left_out_.push_back(std::move(why)); }
  /// Adds to the run's report.html; kept with the scope once it is done. Throws std::logic_error as
  /// report::check does.
  void report(report::Item item) {
    report::check(item);
    report_.push_back(std::move(item));
  }
  /// In GatherScopes::finish of a scope whose opener is successive(): no scope is opened after it (a training
  /// that gets no better), nor do later runs while this scope counts as done. Elsewhere it is the plugin's
  /// mistake.
  void end_scopes() { ends_scopes_ = true; }

  /// In GatherScopes::finish: what finish_run() is to get of this scope by Inputs::kept. It is published with
  /// the scope, so the scope is not made again for this node by later runs, nor by the one that gathers what
  /// parts have done. Where the scope has no output folder it is kept in memory, for this run. Elsewhere it
  /// is the plugin's mistake.
  void keep(std::string bytes) { kept_ = std::move(bytes); }

  /// For the runtime.
  struct Emission {
    int port;
    Packet packet;
  };
  std::vector<Emission>& emissions() { return emissions_; }
  const std::optional<std::string>& drop_reason() const { return drop_reason_; }
  const std::vector<std::string>& notes() const { return notes_; }
  const std::vector<std::string>& left_out() const { return left_out_; }
  const std::vector<report::Item>& reported() const { return report_; }
  bool ends_scopes() const { return ends_scopes_; }
  std::optional<std::string>& kept() { return kept_; }
  const std::optional<std::string>& kept() const { return kept_; }

 private:
  void put(std::string_view port, std::string_view type, Packet packet);

  const std::vector<OutputSpec>* ports_;
  const Inputs* inputs_;
  Lease lease_;
  std::uint64_t index_;
  std::vector<Emission> emissions_;
  std::optional<std::string> drop_reason_;
  std::vector<std::string> notes_, left_out_;
  std::vector<report::Item> report_;
  bool ends_scopes_ = false;
  std::optional<std::string> kept_;
};

}  // namespace flowrun
