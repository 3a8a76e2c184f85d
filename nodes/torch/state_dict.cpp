// SPDX-License-Identifier: Apache-2.0
#include "state_dict.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pickle_file.h"
#include "safetensors.h"

namespace flowrun::torch_nodes {
namespace {

std::map<std::string, at::Tensor> tensors_of(const c10::IValue& value) {
  std::map<std::string, at::Tensor> out;
  if (!value.isGenericDict()) return out;
  for (const auto& entry : value.toGenericDict())
    if (entry.key().isString() && entry.value().isTensor())
      out[entry.key().toStringRef()] = entry.value().toTensor();
  return out;
}

c10::IValue entry_of(const c10::IValue& value, const char* name) {
  if (!value.isGenericDict()) return {};
  for (const auto& entry : value.toGenericDict())
    if (entry.key().isString() && entry.key().toStringRef() == name) return entry.value();
  return {};
}

std::map<std::string, at::Tensor> without_prefix(std::map<std::string, at::Tensor> tensors) {
  const std::string prefix = "module.";
  std::map<std::string, at::Tensor> out;
  for (auto& [name, tensor] : tensors)
    out[name.starts_with(prefix) ? name.substr(prefix.size()) : name] = std::move(tensor);
  return out;
}

std::string shape_of(const at::Tensor& tensor) {
  return fmt::format("{}", fmt::join(tensor.sizes(), " x "));
}

}  // namespace

std::map<std::string, at::Tensor> read_state_dict(const std::filesystem::path& file) {
  if (file.extension() == ".safetensors") return without_prefix(read_safetensors(file));
  const c10::IValue all = read_pickle(file);
  for (const char* name : {"model", "state_dict"})
    if (auto tensors = tensors_of(entry_of(all, name)); !tensors.empty()) return without_prefix(tensors);
  auto tensors = tensors_of(all);
  if (tensors.empty()) throw Error(fmt::format("{} holds no state dict", file.string()));
  return without_prefix(std::move(tensors));
}

Head load_weights(Network& network, const std::map<std::string, at::Tensor>& tensors,
                  const std::string& source) {
  const at::NoGradGuard no_grad;
  const std::string head = network.head();
  Head found = Head::loaded;
  std::vector<std::string> wrong;
  std::map<std::string, at::Tensor> left = tensors;
  NamedTensors state = network.state();
  std::vector<std::pair<at::Tensor, at::Tensor>> copies;
  for (const auto& [name, tensor] : state) {
    const auto node = left.extract(name);
    const bool of_head = !head.empty() && name.starts_with(head);
    if (!node) {
      // Files from before torch 0.4.1 do not count batches.
      if (!name.ends_with("num_batches_tracked")) wrong.push_back(name + " is missing");
    } else if (node.mapped().sizes() == tensor.sizes()) {
      copies.emplace_back(tensor, node.mapped());
    } else if (of_head && node.mapped().dim() == tensor.dim() &&
               (tensor.dim() == 1 || node.mapped().sizes().slice(1) == tensor.sizes().slice(1))) {
      found = Head::of_other_classes;
    } else {
      wrong.push_back(fmt::format("{} is {}, not {}", name, shape_of(node.mapped()), shape_of(tensor)));
    }
  }
  for (const auto& [name, tensor] : left) wrong.push_back(name + " is not part of it");
  if (!wrong.empty()) {
    const std::size_t all = wrong.size();
    wrong.resize(std::min<std::size_t>(all, 3));
    throw Error(fmt::format("{} has the weights of another architecture: {}{}", source,
                            fmt::join(wrong, ", "), all > 3 ? fmt::format(" and {} more", all - 3) : ""));
  }
  // Both tensors of the last layer, or neither.
  for (auto& [to, from] : copies) {
    const auto name =
        std::find_if(state.begin(), state.end(), [&](const auto& item) { return item.second.is_same(to); });
    if (found == Head::of_other_classes && name->first.starts_with(head)) continue;
    to.copy_(from);
  }
  return found;
}

}  // namespace flowrun::torch_nodes
