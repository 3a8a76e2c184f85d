// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <flowrun/torch/network.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <atomic>
#include <limits>

#include "pickle_file.h"
#include "script_output.h"

namespace flowrun::torch_nodes {
namespace {

/// Whether each row could be one of probabilities; within `tolerance`, as half precision rounds.
bool are_probabilities(const at::Tensor& rows, double tolerance) {
  return rows.dim() == 2 && rows.ge(-tolerance).all().item<bool>() &&
         rows.sum(1).sub(1).abs().max().item<double>() <= tolerance;
}

class ScriptNetwork final : public Network {
 public:
  /// `output` as for load_script().
  ScriptNetwork(torch::jit::Module module, std::string source, std::string output)
      : module_(std::move(module)), source_(std::move(source)), output_(std::move(output)) {
    if (output_ != "auto") return;
    const std::string by_code = output_by_code(module_);
    if (by_code == "sigmoids")
      throw Error(fmt::format(
          "{} ends in sigmoid, which gives each class a number by itself: expected one that gives "
          "logits, or probabilities that sum to 1; leave the sigmoid out, or say `output`",
          source_));
    doubtful_ = by_code == "logits";
    output_ = by_code;
  }

  at::Tensor forward(const at::Tensor& images) override {
    const c10::IValue given = module_.forward({images});
    if (!given.isTensor())
      throw Error(
          fmt::format("{} gives a {}, expected a tensor of samples x classes", source_, given.tagKind()));
    const at::Tensor out = given.toTensor();
    if (output_ == "probabilities") {
      const at::Tensor p = out.to(at::kFloat);
      if (!are_probabilities(p.detach(), 0.02))
        throw Error(
            fmt::format("{} does not give probabilities: its numbers are negative or do not sum to 1; "
                        "say output: logits if that is what they are",
                        source_));
      return p.clamp_min(std::numeric_limits<float>::min()).log();
    }
    if (doubtful_.load(std::memory_order_relaxed)) {
      if (are_probabilities(out.detach().to(at::kFloat), 1e-4))
        throw Error(fmt::format(
            "{} gives numbers that look like probabilities (not negative, their sum is 1), but its "
            "code does not end in softmax: say output: probabilities, or output: logits",
            source_));
      doubtful_.store(false, std::memory_order_relaxed);
    }
    return out;
  }
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
  std::string source_, output_;
  std::atomic<bool> doubtful_ =
      false;  // that it gives logits, until its first numbers do not speak against it
};

torch::jit::Module read_module(const std::string& file, const std::string& name, std::string& text) {
  try {
    check_script(file);
    torch::jit::ExtraFilesMap carried{{name, ""}};
    auto module = torch::jit::load(file, at::kCPU, carried);
    text = carried[name];
    return module;
  } catch (const c10::Error& problem) {
    throw Error(fmt::format("{} is no TorchScript module that this libtorch can read: {}", file,
                            problem.what_without_backtrace()));
  } catch (const Error& problem) {
    throw Error(fmt::format("{} is no TorchScript module: {}", file, problem.what()));
  }
}

}  // namespace

std::unique_ptr<Network> load_script(const std::string& file, const std::string& output,
                                     const std::string& name, std::string& text) {
  return std::make_unique<ScriptNetwork>(read_module(file, name, text), file, output);
}

std::unique_ptr<Network> load_script(const std::string& file, const std::string& output) {
  std::string ignored;
  return load_script(file, output, "none", ignored);
}

}  // namespace flowrun::torch_nodes
