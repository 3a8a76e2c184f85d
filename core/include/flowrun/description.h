// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/node.h>

#include <concepts>
#include <type_traits>

namespace flowrun {

/// What T::describe says of a node type. Everything that is checked, printed or documented comes from here.
template <class T>
class Description {
 public:
  explicit Description(NodeType& type) : type_(type) {
    type_.create = [] { return std::make_unique<T>(); };
    type_.source = std::derived_from<T, Source>;
    type_.leases = overrides_bytes<decltype(&T::bytes)>;
  }

  /// One sentence.
  Description& summary(std::string text) { return type_.summary = std::move(text), *this; }
  /// What else a user should know: method, units, source of defaults.
  Description& details(std::string text) { return type_.details = std::move(text), *this; }
  /// A complete entry of `nodes:`; a test runs it.
  Description& example(std::string yaml) { return type_.example = std::move(yaml), *this; }
  /// Packets come by index within the scope, one at a time.
  Description& ordered() { return type_.ordered = true, *this; }
  /// Collects packets and emits others, in process() or finish(), numbered in the order of their emission.
  /// It gets its packets in order.
  Description& gathers() { return type_.gathers = type_.ordered = true, *this; }
  /// Takes the packets of many scopes (slides, epochs) and emits for the run, in finish() of the run, once
  /// all of these scopes have ended. Scopes that an earlier run has done are made again for it, unless it
  /// resumes().
  Description& gathers_scopes() { return type_.gathers_scopes = true, *this; }
  /// What it gathered from scopes that an earlier run has done, it has kept by itself: they are not made
  /// again.
  Description& resumes() { return type_.resumes = true, *this; }
  /// process() uses Outputs::in_order.
  Description& in_order() { return type_.in_order = true, *this; }
  /// One call at a time, in any scope.
  Description& serial() { return type_.serial = true, *this; }

  /// The packets on several inputs are joined by index.
  template <Payload P>
  Description& input(std::string name) {
    return type_.inputs.push_back({std::move(name), std::string(P::packet_type)}), *this;
  }
  /// May stay unconnected; Node::plan says when none of several is too few or two are too many.
  template <Payload P>
  Description& optional_input(std::string name) {
    return type_.inputs.push_back({std::move(name), std::string(P::packet_type), true}), *this;
  }
  /// An input with one packet per scope, seen by every call in the scope and by finish(). It may also take a
  /// packet of the run, which every scope sees: scopes are opened once it is there, and those that an earlier
  /// run has done are done anew when P has a member `std::string identity` and that is another.
  template <Payload P>
  Description& scope_input(std::string name) {
    return add_scope_input<P>(std::move(name), false);
  }
  template <Payload P>
  Description& optional_scope_input(std::string name) {
    return add_scope_input<P>(std::move(name), true);
  }
  template <Payload P>
  Description& output(std::string name) {
    return type_.outputs.push_back({std::move(name), std::string(P::packet_type)}), *this;
  }
  /// An output whose packets each open a scope of their own, called after the port.
  template <Payload P>
  Description& scope_output(std::string name) {
    return type_.outputs.push_back({std::move(name), std::string(P::packet_type), true}), *this;
  }

  /// The scopes of the scope_output build upon each other: each is opened when the one before has ended, all
  /// are made anew from the first on that is not done, and one that fails ends the run.
  Description& successive() { return type_.successive = true, *this; }

  /// What may follow an option.
  class Option {
   public:
    explicit Option(OptionSpec& spec) : spec_(spec) {}
    Option& required() { return spec_.required = true, *this; }
    Option& at_least(double least) { return spec_.least = least, *this; }
    Option& above(double bound) { return spec_.least = bound, spec_.exclusive = true, *this; }
    Option& at_most(double most) { return spec_.most = most, *this; }
    Option& choices(std::vector<std::string> all) { return spec_.choices = std::move(all), *this; }
    /// Results go there: the runtime locks the folder, keeps its journal and cleans up after a crash.
    Option& output_folder() { return spec_.output_folder = true, *this; }
    /// Says which scopes there are; changing it does not redo those that are done.
    Option& input_list() { return spec_.input_list = true, *this; }

   private:
    OptionSpec& spec_;
  };

  /// An option that is a member of the node, or of a class that it derives from; the member's initial value
  /// is the default.
  template <class M, class Owner>
  requires std::derived_from<T, Owner> Option option(std::string name, M Owner::*member, std::string help) {
    OptionSpec spec;
    spec.name = std::move(name);
    spec.type = OptionType<M>::name();
    spec.help = std::move(help);
    spec.default_text = OptionType<M>::text(T{}.*member);
    spec.set = [member](Node& node, const Value& value) { convert(value, static_cast<T&>(node).*member); };
    return Option(type_.options.emplace_back(std::move(spec)));
  }

 private:
  template <Payload P>
  Description& add_scope_input(std::string name, bool optional) {
    InputSpec spec{std::move(name), std::string(P::packet_type), optional, true};
    if constexpr (requires(const P& payload) {
                    { payload.identity } -> std::same_as<const std::string&>;
                  })
      spec.identity = [](const void* payload) { return static_cast<const P*>(payload)->identity; };
    type_.inputs.push_back(std::move(spec));
    return *this;
  }

  /// An option may be called `bytes` too: then it is a data member.
  template <class Member>
  static constexpr bool overrides_bytes = std::is_member_function_pointer_v<Member> &&
                                          !std::same_as<Member, std::size_t (Node::*)(const Inputs&) const>;
  NodeType& type_;
};

}  // namespace flowrun
