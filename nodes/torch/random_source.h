// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Generator.h>
#include <flowrun/torch/network.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace flowrun::torch_nodes {

/// The random numbers of one network: of its first weights, dropout and stochastic depth. Nobody else draws
/// from them, so that what is trained beside it changes nothing. Not thread-safe.
class RandomSource {
 public:
  /// The numbers that torch's default generators give after manual_seed(seed).
  explicit RandomSource(std::uint64_t seed);

  /// From now on the network computes on `device`.
  void to(c10::Device device);
  /// To draw from, on the CPU or the network's device.
  at::Generator on(c10::Device device) const;

  /// Where the generators stand: bytes, as "cpu" and, if it is another, "device".
  NamedTensors state() const;
  /// Throws Error when that of the CPU is missing.
  void restore(const std::map<std::string, at::Tensor>& state);

 private:
  std::uint64_t seed_;
  at::Generator cpu_, device_;  // `device_` undefined on the CPU
};

/// Puts the numbers back where they stood at another time, until it goes out of scope.
class RestoredRandom {
 public:
  RestoredRandom(RandomSource& source, const NamedTensors& then);
  ~RestoredRandom();
  RestoredRandom(const RestoredRandom&) = delete;

 private:
  RandomSource& source_;
  NamedTensors before_;
};

/// Lets torch's default generators, the only ones that TorchScript's operators draw from, give the numbers of
/// `source`, until it goes out of scope. One at a time in the process: others wait for it. What is not
/// flowrun's and draws from the default generators meanwhile on another thread changes the numbers.
class AsDefaultGenerators {
 public:
  AsDefaultGenerators(RandomSource& source, c10::Device device);
  ~AsDefaultGenerators();
  AsDefaultGenerators(const AsDefaultGenerators&) = delete;

 private:
  void exchange();

  std::scoped_lock<std::mutex> lock_;
  RandomSource& source_;
  c10::Device device_;
};

}  // namespace flowrun::torch_nodes
