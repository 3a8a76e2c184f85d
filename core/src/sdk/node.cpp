// SPDX-License-Identifier: Apache-2.0
#include <flowrun/node.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "graph/diagnostics.h"

namespace flowrun {
namespace {

template <class Spec>
const Spec* named(const std::vector<Spec>& specs, std::string_view name) {
  const auto it = std::find_if(specs.begin(), specs.end(), [&](const Spec& s) { return s.name == name; });
  return it == specs.end() ? nullptr : &*it;
}

/// A node asks for a port that its description does not have, or as another type: the plugin's mistake.
template <class Spec>
std::size_t port_index(const std::vector<Spec>& ports, std::string_view port, std::string_view type) {
  const Spec* spec = named(ports, port);
  if (!spec) throw std::logic_error(fmt::format("the node's description has no port '{}'", port));
  if (!type.empty() && spec->type != type)
    throw std::logic_error(fmt::format("port '{}' carries {}, not {}", port, spec->type, type));
  return static_cast<std::size_t>(spec - ports.data());
}

std::string plain(double number) {
  return fmt::format("{}", number);
}

void check_range(const OptionSpec& option, const Value& value) {
  if (!std::isfinite(option.least) && !std::isfinite(option.most)) return;
  for (const Value& item : value.items) check_range(option, item);
  for (const auto& [key, entry] : value.entries) check_range(option, entry);
  if (value.kind != Value::Kind::scalar) return;
  double number = 0;
  convert(value, number);
  if (number < option.least || (option.exclusive && number == option.least) || number > option.most)
    throw ValueError(value.place, fmt::format("expected {}, found {}", option.range(), value.text));
}

}  // namespace

std::string OptionSpec::range() const {
  if (!choices.empty()) return fmt::format("one of {}", fmt::join(choices, ", "));
  const std::string low = !std::isfinite(least) ? "" : (exclusive ? "above " : "at least ") + plain(least);
  const std::string high = !std::isfinite(most) ? "" : "at most " + plain(most);
  return low.empty() || high.empty() ? low + high : low + ", " + high;
}

void OptionSpec::apply(Node& node, const Value& value) const {
  if (!choices.empty() && value.kind == Value::Kind::scalar &&
      std::ranges::find(choices, value.text) == choices.end())
    throw OptionError(name, fmt::format("unknown value '{}'", value.text), nearest_name(value.text, choices));
  set(node, value);
  check_range(*this, value);
}

const char* to_string(Role role) {
  switch (role) {
    case Role::map:
      return "maps";
    case Role::write:
      return "writes";
    case Role::gather:
      return "gathers";
    case Role::gather_scopes:
      return "gathers scopes";
    case Role::make:
      return "makes";
    case Role::open:
      return "opens";
  }
  return "";
}

const InputSpec* NodeType::input(std::string_view port) const {
  return named(inputs, port);
}
const OutputSpec* NodeType::output(std::string_view port) const {
  return named(outputs, port);
}
const OptionSpec* NodeType::option(std::string_view option) const {
  return named(options, option);
}

bool Inputs::has(std::string_view port) const {
  return packets_.at(port_index(*ports_, port, {})).payload != nullptr;
}

const Packet& Inputs::at(std::string_view port, std::string_view type) const {
  const Packet& packet = packets_.at(port_index(*ports_, port, type));
  if (!packet.payload) throw Error(fmt::format("input '{}' is not connected", port));
  return packet;
}

std::uint64_t Inputs::index() const {
  for (std::size_t i = 0; i < packets_.size(); ++i)
    if (packets_[i].payload && !(*ports_)[i].per_scope) return packets_[i].index;
  return 0;
}

void Outputs::put(std::string_view port, std::string_view type, Packet packet) {
  const auto index = static_cast<int>(port_index(*ports_, port, type));
  for (const Emission& earlier : emissions_)
    if (earlier.port == index)
      throw std::logic_error(fmt::format("a call may emit one packet on port '{}', not two", port));
  emissions_.push_back({index, std::move(packet)});
}

void Outputs::forward(std::string_view port, std::string_view input) {
  if (!inputs_ || inputs_->ports().empty()) throw std::logic_error("forward() without an input packet");
  const auto from = input.empty() ? 0 : port_index(inputs_->ports(), input, {});
  const Packet& packet = inputs_->packets()[from];
  if (!packet.payload) throw std::logic_error("forward() without an input packet");
  Packet sent = packet;
  sent.index = index_;
  // What follows is made for the call's packet: the lease of one that the whole scope sees does not cover it.
  if (inputs_->ports()[from].per_scope) sent.lease = lease_;
  put(port, inputs_->ports()[from].type, std::move(sent));
}

std::size_t Costs::in(std::string_view port) const {
  const auto it = inputs.find(port);
  return it == inputs.end() ? 0 : it->second;
}

void Costs::out(std::string_view port, std::size_t bytes) {
  outputs[std::string(port)].bytes = bytes;
}

void Costs::forwards(std::string_view port, std::string_view input) {
  outputs[std::string(port)].forwarded = std::string(input);
}

void Costs::tell(std::string_view output, std::string_view name, std::int64_t number) {
  outputs[std::string(output)].told[std::string(name)] = number;
}

std::optional<std::int64_t> Costs::told(std::string_view input, std::string_view name) const {
  const auto of_input = told_of_inputs.find(input);
  if (of_input == told_of_inputs.end()) return {};
  const auto it = of_input->second.find(name);
  return it == of_input->second.end() ? std::nullopt : std::optional(it->second);
}

void Costs::set_defaults(const NodeType& type) {
  std::size_t largest = 0;
  for (const auto& [port, bytes] : inputs) largest = std::max(largest, bytes);
  for (const OutputSpec& port : type.outputs) {
    Out& out = outputs[port.name];
    if (out.forwarded && out.forwarded->empty() && !type.inputs.empty())
      out.forwarded = type.inputs.front().name;
    if (!out.bytes) out.bytes = out.forwarded ? in(*out.forwarded) : largest;
    const auto pass_on = [&](const std::string& input) {
      if (const auto it = told_of_inputs.find(input); it != told_of_inputs.end())
        out.told.insert(it->second.begin(), it->second.end());
    };
    if (out.forwarded) pass_on(*out.forwarded);
    for (const InputSpec& input : type.inputs) pass_on(input.name);
  }
}

Packets::Packets(std::uint64_t count, std::function<void(std::uint64_t, Outputs&)> make) : total(count) {
  next = [count, at = std::uint64_t{0}, make = std::make_shared<decltype(make)>(std::move(make))]() mutable {
    if (at == count) return Make();
    return Make([make, number = at++](Outputs& out) { (*make)(number, out); });
  };
}

}  // namespace flowrun
