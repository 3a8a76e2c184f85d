// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <sstream>
#include <string>
#include <type_traits>

/// What differs between the versions of libtorch that flowrun is built with, 1.13 and later.
namespace flowrun::torch_nodes {

/// By what an optimizer's map of states knows a parameter: its address, as text before torch 2.0.
template <class States>
typename States::key_type state_key(const States&, const at::Tensor& parameter) {
  if constexpr (std::is_same_v<typename States::key_type, std::string>) {
    std::ostringstream text;
    text << parameter.unsafeGetTensorImpl();
    return text.str();
  } else {
    return parameter.unsafeGetTensorImpl();
  }
}

}  // namespace flowrun::torch_nodes
