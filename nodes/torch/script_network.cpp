// SPDX-License-Identifier: Apache-2.0
#include "script_network.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <flowrun/torch/network.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>

#include <atomic>
#include <limits>
#include <utility>

#include "random_source.h"
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
  ScriptNetwork(ScriptFile file, std::string output, std::uint64_t seed)
      : file_(std::move(file)), module_(file_.module()), output_(std::move(output)), random_(seed) {
    if (output_ != "auto") return;
    const std::string by_code = output_by_code(module_);
    if (by_code == "sigmoids")
      throw Error(fmt::format(
          "{} ends in sigmoid, which gives each class a number by itself: expected one that gives "
          "logits, or probabilities that sum to 1; leave the sigmoid out, or say `output`",
          file_.source));
    doubtful_ = by_code == "logits";
    output_ = by_code;
  }

  at::Tensor forward(const at::Tensor& images) override {
    const c10::IValue given = run(images);
    if (!given.isTensor())
      throw Error(fmt::format("{} gives a {}, expected a tensor of samples x classes", file_.source,
                              given.tagKind()));
    const at::Tensor out = given.toTensor();
    if (output_ == "probabilities") {
      const at::Tensor p = out.to(at::kFloat);
      if (!are_probabilities(p.detach(), 0.02))
        throw Error(
            fmt::format("{} does not give probabilities: its numbers are negative or do not sum to 1; "
                        "say output: logits if that is what they are",
                        file_.source));
      return p.clamp_min(std::numeric_limits<float>::min()).log();
    }
    if (doubtful_.load(std::memory_order_relaxed)) {
      if (are_probabilities(out.detach().to(at::kFloat), 1e-4))
        throw Error(fmt::format(
            "{} gives numbers that look like probabilities (not negative, their sum is 1), but its "
            "code does not end in softmax: say output: probabilities, or output: logits",
            file_.source));
      doubtful_.store(false, std::memory_order_relaxed);
    }
    return out;
  }
  void train(bool on) override {
    module_.train(on);
    trains_ = on;
  }
  void to(c10::Device device) override {
    module_.to(device);
    random_.to(device);
  }
  void fold_batch_norms() override { module_ = frozen(std::move(module_)); }
  at::Tensor code() const override { return file_.bytes; }
  NamedTensors random_state() const override { return random_.state(); }
  void restore_random(const std::map<std::string, at::Tensor>& state) override { random_.restore(state); }
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
  c10::IValue run(const at::Tensor& images) {
    if (!trains_) return module_.forward({images});
    const AsDefaultGenerators mine(random_, images.device());
    return module_.forward({images});
  }

  ScriptFile file_;
  torch::jit::Module module_;
  bool trains_ = module_.is_training();  // a frozen one does not know
  std::string output_;
  RandomSource random_;
  std::atomic<bool> doubtful_ =
      false;  // that it gives logits, until its first numbers do not speak against it
};

}  // namespace

std::unique_ptr<Network> load_script(const ScriptFile& file, const std::string& output, std::uint64_t seed) {
  return std::make_unique<ScriptNetwork>(file, output, seed);
}

}  // namespace flowrun::torch_nodes
