// SPDX-License-Identifier: Apache-2.0
#include "random_source.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <vector>

namespace flowrun::torch_nodes {
namespace {

at::Tensor state_of(at::Generator generator) {
  std::scoped_lock lock(generator.mutex());
  return generator.get_state();
}

void set_state(at::Generator generator, const at::Tensor& state) {
  std::scoped_lock lock(generator.mutex());
  generator.set_state(state);
}

at::Generator default_generator(c10::Device device) {
  return at::globalContext().defaultGenerator(device);
}

std::mutex& of_default_generators() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

RandomSource::RandomSource(std::uint64_t seed) : seed_(seed), cpu_(at::detail::createCPUGenerator(seed)) {}

void RandomSource::to(c10::Device device) {
  device_ = {};
  if (device.is_cpu()) return;
  at::Generator like = default_generator(device);
  {
    std::scoped_lock lock(like.mutex());
    device_ = like.clone();
  }
  device_.set_current_seed(seed_);
}

at::Generator RandomSource::on(c10::Device device) const {
  return device.is_cpu() ? cpu_ : device_;
}

NamedTensors RandomSource::state() const {
  NamedTensors out{{"cpu", state_of(cpu_)}};
  if (device_.defined()) out.emplace_back("device", state_of(device_));
  return out;
}

void RandomSource::restore(const std::map<std::string, at::Tensor>& state) {
  const auto restore = [&](const char* name, at::Generator& generator) {
    const auto found = state.find(name);
    if (found == state.end()) throw Error(fmt::format("it has no random state of the {}", name));
    set_state(generator, found->second);
  };
  restore("cpu", cpu_);
  // What began on the CPU may go on elsewhere, with the numbers of the seed.
  if (device_.defined() && state.contains("device")) restore("device", device_);
}

RestoredRandom::RestoredRandom(RandomSource& source, const NamedTensors& then)
    : source_(source), before_(source.state()) {
  source_.restore({then.begin(), then.end()});
}

RestoredRandom::~RestoredRandom() {
  source_.restore({before_.begin(), before_.end()});
}

AsDefaultGenerators::AsDefaultGenerators(RandomSource& source, c10::Device device)
    : lock_(of_default_generators()), source_(source), device_(device) {
  exchange();
}

AsDefaultGenerators::~AsDefaultGenerators() {
  exchange();
}

void AsDefaultGenerators::exchange() {
  std::vector<c10::Device> devices{at::kCPU};
  if (!device_.is_cpu()) devices.push_back(device_);
  for (const c10::Device device : devices) {
    const at::Tensor mine = state_of(source_.on(device)), others = state_of(default_generator(device));
    set_state(default_generator(device), mine);
    set_state(source_.on(device), others);
  }
}

}  // namespace flowrun::torch_nodes
