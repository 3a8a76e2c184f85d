// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace flowrun {

/// What went wrong with the user's input, said so that the user can act on it: what was found, what was
/// expected, what to do. The runtime adds the node and the packet (slide, tile) that it belongs to.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A mistake in one option, found by a node that compares its options with each other (Node::plan). The
/// plan reports it at that option's place in the graph file.
class OptionError : public Error {
 public:
  /// `option`: the option's name; `fix`: what would be right.
  OptionError(std::string option, const std::string& message, std::string fix = {})
      : Error(message), option(std::move(option)), fix(std::move(fix)) {}
  std::string option;
  std::string fix;
};

}  // namespace flowrun
