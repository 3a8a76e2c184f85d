// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>

#include <functional>
#include <string>
#include <string_view>

namespace flowrun::torch_nodes {

/// Gives the bytes of a storage as a tensor of one dimension, by its key, type and number of elements.
using StorageReader =
    std::function<at::Tensor(const std::string& key, at::ScalarType type, std::int64_t elements)>;

/// Reads a pickle of protocol 2, as torch.save writes it
/// (https://github.com/python/cpython/blob/3.11/Lib/pickletools.py describes it): dicts, also ordered ones,
/// lists, tuples, numbers, strings, tensors, parameters. Nothing in it is ever called; objects of other
/// classes become None. libtorch's own reader does not know the ordered dicts that state dicts are. Throws
/// Error.
c10::IValue unpickle(std::string_view pickle, const StorageReader& storage);

}  // namespace flowrun::torch_nodes
