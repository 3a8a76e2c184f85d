// SPDX-License-Identifier: Apache-2.0
/// Places of tiles from HDF5 files, of which anything may be broken: there is a result or an Error.
#include <flowrun/error.h>
#include <pthread.h>

#include <memory>

#include "input_file.h"
#include "lease.h"
#include "nodes/table/coordinates.h"

// Of the sanitizers' runtime, where there is one.
extern "C" void __sanitizer_set_death_callback(void (*)()) __attribute__((weak));

namespace {

/// What becomes of the process that libhdf5 runs in is no finding: this one goes on.
const int forgotten = pthread_atfork(nullptr, nullptr, [] {
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(nullptr);
});

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const flowrun::fuzz::InputFile file(data, size);
  try {
    const flowrun::fuzz::Lease lease(flowrun::wsi::CoordinateReader::most_bytes);
    flowrun::wsi::SlideFacts slide;
    slide.path = "small.svs";
    slide.name = "small";
    slide.levels = {{2600, 1900, 1}, {650, 475, 4}};
    const auto places =
        flowrun::wsi::CoordinateReader::open(file.path(), std::make_shared<flowrun::wsi::SlideFacts>(slide));
    // A file may say that it has any number of rows, of which none is stored.
    for (int i = 0; i < 100000 && places->next(); ++i) {
    }
  } catch (const flowrun::Error&) {
  }
  return 0;
}
