// SPDX-License-Identifier: Apache-2.0
#include "pickled_tensor.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

namespace flowrun::torch_nodes {

Error broken_pickle(const std::string& what) {
  return Error("broken pickle: " + what);
}

at::ScalarType storage_type(const std::string& global) {
  static const std::map<std::string, at::ScalarType> types{{"torch DoubleStorage", at::kDouble},
                                                           {"torch FloatStorage", at::kFloat},
                                                           {"torch HalfStorage", at::kHalf},
                                                           {"torch BFloat16Storage", at::kBFloat16},
                                                           {"torch LongStorage", at::kLong},
                                                           {"torch IntStorage", at::kInt},
                                                           {"torch ShortStorage", at::kShort},
                                                           {"torch CharStorage", at::kChar},
                                                           {"torch ByteStorage", at::kByte},
                                                           {"torch BoolStorage", at::kBool},
                                                           {"torch ComplexFloatStorage", at::kComplexFloat},
                                                           {"torch ComplexDoubleStorage", at::kComplexDouble},
                                                           {"torch QInt8Storage", at::kQInt8},
                                                           {"torch QUInt8Storage", at::kQUInt8},
                                                           {"torch QInt32Storage", at::kQInt32}};
  const auto found = types.find(global);
  if (found == types.end()) throw Error(fmt::format("tensors of the type {} are not known", global));
  return found->second;
}

at::Tensor rebuilt_tensor(c10::ArrayRef<c10::IValue> arguments) {
  if (arguments.size() < 4) throw broken_pickle("a tensor without size");
  const at::Tensor storage = arguments[0].toTensor();
  const std::int64_t offset = arguments[1].toInt();
  std::vector<std::int64_t> size, stride;
  for (const c10::IValue& n : arguments[2].toTupleRef().elements()) size.push_back(n.toInt());
  for (const c10::IValue& n : arguments[3].toTupleRef().elements()) stride.push_back(n.toInt());
  if (size.size() != stride.size() || offset < 0) throw broken_pickle("a tensor of impossible shape");
  const std::int64_t there = storage.numel();
  const bool empty = std::ranges::find(size, std::int64_t{0}) != size.end();
  if (!empty && offset >= there) throw broken_pickle("a tensor beyond its data");
  std::int64_t behind = there - 1 - offset;  // elements that it may still reach beyond its first
  std::int64_t elements = 1;
  for (std::size_t i = 0; i < size.size(); ++i) {
    if (size[i] < 0 || stride[i] < 0) throw broken_pickle("a tensor of impossible shape");
    if (empty || size[i] == 1) continue;
    if (stride[i] > behind / (size[i] - 1)) throw broken_pickle("a tensor beyond its data");
    behind -= (size[i] - 1) * stride[i];
    if (size[i] > there / elements) throw broken_pickle("a tensor that repeats its data");
    elements *= size[i];
  }
  return at::as_strided(storage, size, stride, empty ? 0 : offset);
}

}  // namespace flowrun::torch_nodes
