// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <flowrun/torch/network.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "pickle_file.h"

namespace flowrun::torch_nodes {
namespace {

class ScriptNetwork final : public Network {
 public:
  explicit ScriptNetwork(torch::jit::Module module) : module_(std::move(module)) {}

  at::Tensor forward(const at::Tensor& images) override { return module_.forward({images}).toTensor(); }
  void train(bool on) override { module_.train(on); }
  void to(c10::Device device) override { module_.to(device); }
  NamedTensors parameters() const override {
    NamedTensors out;
    for (const auto& item : module_.named_parameters()) out.emplace_back(item.name, item.value);
    return out;
  }
  NamedTensors buffers() const override {
    NamedTensors out;
    for (const auto& item : module_.named_buffers()) out.emplace_back(item.name, item.value);
    return out;
  }

 private:
  torch::jit::Module module_;
};

}  // namespace

std::unique_ptr<Network> load_script(const std::string& file, const std::string& name, std::string& text) {
  try {
    check_script(file);
    torch::jit::ExtraFilesMap carried{{name, ""}};
    auto network = std::make_unique<ScriptNetwork>(torch::jit::load(file, at::kCPU, carried));
    text = carried[name];
    return network;
  } catch (const c10::Error& problem) {
    throw Error(fmt::format("{} is no TorchScript module that this libtorch can read: {}", file,
                            problem.what_without_backtrace()));
  } catch (const Error& problem) {
    throw Error(fmt::format("{} is no TorchScript module: {}", file, problem.what()));
  }
}

std::unique_ptr<Network> load_script(const std::string& file) {
  std::string ignored;
  return load_script(file, "none", ignored);
}

}  // namespace flowrun::torch_nodes
