// SPDX-License-Identifier: Apache-2.0
#include "state_dict.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

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

/// The network's name of a tensor, without what Lightning ("model.", "net."), DataParallel ("module.") and
/// torch.compile ("_orig_mod.") put before it, in whatever order.
std::string unwrapped(std::string name, const std::set<std::string>& known) {
  static const std::vector<std::string> wrappers{"model.", "module.", "_orig_mod.", "net."};
  const auto wraps = [&](const std::string& wrapper) { return name.starts_with(wrapper); };
  while (!known.contains(name)) {
    const auto wrapper = std::ranges::find_if(wrappers, wraps);
    if (wrapper == wrappers.end()) break;
    name.erase(0, wrapper->size());
  }
  return name;
}

std::string shape_of(const at::Tensor& tensor) {
  return fmt::format("{}", fmt::join(tensor.sizes(), " x "));
}

}  // namespace

std::map<std::string, at::Tensor> read_state_dict(const std::filesystem::path& file) {
  if (file.extension() == ".safetensors") return read_safetensors(file);
  const c10::IValue all = read_pickle(file);
  for (const char* name : {"model", "state_dict", "model_state_dict"})
    if (auto tensors = tensors_of(entry_of(all, name)); !tensors.empty()) return tensors;
  auto tensors = tensors_of(all);
  if (tensors.empty())
    throw Error(
        fmt::format("{} holds no state dict: expected tensors by name, or a dict with such a dict as "
                    "model, state_dict or model_state_dict",
                    file.string()));
  return tensors;
}

Head load_weights(Network& network, const std::map<std::string, at::Tensor>& tensors,
                  const std::string& source) {
  const c10::NoGradGuard no_grad;
  const NamedTensors state = network.state();
  const std::string head = network.head();
  const auto of_head = [&](const std::string& name) { return !head.empty() && name.starts_with(head); };
  std::vector<std::string> wrong;
  std::set<std::string> known;
  for (const auto& [name, tensor] : state) known.insert(name);
  std::map<std::string, at::Tensor> left;
  for (const auto& [name, tensor] : tensors)
    if (const auto [at, is_new] = left.emplace(unwrapped(name, known), tensor); !is_new)
      wrong.push_back(fmt::format("{} and {} are one tensor", at->first, name));
  const bool headless = std::ranges::none_of(left, [&](const auto& entry) { return of_head(entry.first); });
  Head found = headless && !head.empty() ? Head::missing : Head::loaded;
  std::vector<std::pair<at::Tensor, at::Tensor>> body, last;
  for (const auto& [name, tensor] : state) {
    const auto node = left.extract(name);
    if (!node) {
      // Files from before torch 0.4.1 do not count batches.
      if (!name.ends_with("num_batches_tracked") && !(headless && of_head(name)))
        wrong.push_back(name + " is missing");
    } else if (node.mapped().sizes() == tensor.sizes()) {
      (of_head(name) ? last : body).emplace_back(tensor, node.mapped());
    } else if (of_head(name) && node.mapped().dim() == tensor.dim() &&
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
  for (auto& [to, from] : body) to.copy_(from);
  if (found == Head::loaded)  // both tensors of the last layer, or neither
    for (auto& [to, from] : last) to.copy_(from);
  return found;
}

Head load_weights(Network& network, const std::filesystem::path& file) {
  const Head found = load_weights(network, read_state_dict(file), file.string());
  for (const auto& [name, tensor] : network.state())
    if (!tensor.isfinite().all().item<bool>())
      throw Error(fmt::format("{}: {} has values that are no numbers or infinite", file.string(), name));
  return found;
}

}  // namespace flowrun::torch_nodes
