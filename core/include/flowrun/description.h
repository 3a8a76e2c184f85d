// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/node.h>

#include <concepts>
#include <type_traits>

namespace flowrun {

/// What T::describe says of a node type. Everything that is checked, printed or documented comes from here.
template <class T>
class Description {
  template <class Base>
  static constexpr bool is_a = std::derived_from<T, Base>;

 public:
  explicit Description(NodeType& type) : type_(type) {
    static_assert(is_a<Map> + is_a<Write> + is_a<Gather> + is_a<GatherScopes> + is_a<Make> + is_a<Open> == 1,
                  "a node derives from one role: Map, Write, Gather, GatherScopes, Make or Open");
    type_.create = [] { return std::make_unique<T>(); };
    if constexpr (is_a<Map>) describe_role(Role::map, &Map::finish);
    if constexpr (is_a<Write>) describe_role(Role::write, &Write::finish);
    if constexpr (is_a<Gather>) describe_role(Role::gather, &Gather::finish);
    if constexpr (is_a<GatherScopes>) {
      describe_role(Role::gather_scopes, &GatherScopes::finish);
      type_.finishes_run = !std::same_as<decltype(&T::finish_run), decltype(&GatherScopes::finish_run)>;
    }
    if constexpr (is_a<Make>) type_.role = Role::make;
    if constexpr (is_a<Open>) type_.role = Role::open;
    if constexpr (is_a<Map>) type_.asks_bytes = overrides_bytes<decltype(&T::bytes)>;
  }

  /// One sentence.
  Description& summary(std::string text) { return type_.summary = std::move(text), *this; }
  /// What else a user should know: method, units, source of defaults.
  Description& details(std::string text) { return type_.details = std::move(text), *this; }
  /// A complete entry of `nodes:`; a test runs it.
  Description& example(std::string yaml) { return type_.example = std::move(yaml), *this; }
  /// It knows by its own outputs what scopes gave that an earlier run has done: they are not made again.
  Description& resumes() requires is_a<GatherScopes> { return type_.resumes = true, *this; }
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
  Description& output(std::string name) requires(!is_a<Write> && !is_a<Open>) {
    return type_.outputs.push_back({std::move(name), std::string(P::packet_type)}), *this;
  }
  /// The only output of a node that opens scopes, which are called after it ("slide").
  template <Payload P>
  Description& scope_output(std::string name) requires is_a<Open> {
    type_.outputs = {{std::move(name), std::string(P::packet_type)}};
    return *this;
  }
  /// The scopes of the scope_output build upon each other: each is opened when the one before has ended, all
  /// are made anew from the first on that is not done, and one that fails ends the run.
  Description& successive() requires is_a<Open> { return type_.successive = true, *this; }

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

  template <class Finish>
  void describe_role(Role role, Finish) {
    type_.role = role;
    type_.finishes = !std::same_as<decltype(&T::finish), Finish>;
  }

  /// An option may be called `bytes` too: then it is a data member.
  template <class Member>
  static constexpr bool overrides_bytes =
      std::is_member_function_pointer_v<Member> && !std::same_as<Member, decltype(&Map::bytes)>;

  NodeType& type_;
};

}  // namespace flowrun
