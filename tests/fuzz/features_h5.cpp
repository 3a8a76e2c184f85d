// SPDX-License-Identifier: Apache-2.0
/// Features of tiles from HDF5 files, of which anything may be broken: there is a result or an Error.
#include <flowrun/error.h>
#include <pthread.h>

#include <algorithm>
#include <vector>

#include "input_file.h"
#include "lease.h"
#include "nodes/table/h5_features.h"

// Of the sanitizers' runtime, where there is one.
extern "C" void __sanitizer_set_death_callback(void (*)()) __attribute__((weak));

namespace {

/// What becomes of the process that libhdf5 runs in is no finding: this one goes on.
const int forgotten = pthread_atfork(nullptr, nullptr, [] {
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(nullptr);
});

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using flowrun::wsi::H5Features;
  const flowrun::fuzz::InputFile file(data, size);
  try {
    constexpr std::uint64_t most_rows = 256;
    const flowrun::fuzz::Lease lease(most_rows * H5Features::most_dimensions * sizeof(float));
    H5Features features(file.path());
    // A file may say that it has any number of rows, of which none is stored.
    const std::uint64_t rows = std::min(most_rows, features.facts().rows);
    std::vector<float> values(rows * features.facts().dimensions);
    features.read(values.data(), rows);
    const std::vector<std::uint64_t> second{1};
    H5Features(file.path(), &second).read(values.data(), 1);
  } catch (const flowrun::Error&) {
  }
  return 0;
}
