// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>
#include <flowrun/error.h>

#include <string>

namespace flowrun::torch_nodes {

Error broken_pickle(const std::string& what);

/// The type of the numbers in a storage, by the name of its class in a pickle ("torch FloatStorage"). Throws
/// Error.
at::ScalarType storage_type(const std::string& global);

/// The tensor that torch._utils._rebuild_tensor_v2 makes of (storage, offset, size, stride, ...): a view of
/// the storage. Throws Error when it would reach beyond it, or have more elements than that.
at::Tensor rebuilt_tensor(c10::ArrayRef<c10::IValue> arguments);

}  // namespace flowrun::torch_nodes
