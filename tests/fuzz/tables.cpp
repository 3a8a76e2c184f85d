// SPDX-License-Identifier: Apache-2.0
/// Tables of places and of samples: there are rows or an Error.
#include <flowrun/error.h>

#include <memory>

#include "input_file.h"
#include "lease.h"
#include "nodes/epochs/sample_table.h"
#include "nodes/table/coordinates.h"

using namespace flowrun;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile file(data, size);
  const fuzz::Lease lease(size);
  try {
    auto slide = std::make_shared<wsi::SlideFacts>();
    slide->path = "small.svs";
    slide->name = "small";
    slide->levels = {{2600, 1900, 1}, {650, 475, 4}};
    const auto places = wsi::CoordinateReader::open(file.path(), std::move(slide));
    while (places->next()) continue;
  } catch (const Error&) {
  }
  for (const std::vector<wsi::ListedSlide>& slides :
       {std::vector<wsi::ListedSlide>{}, {{"/slides/small.svs", "small"}, {"/slides/a.svs", "a"}}})
    try {
      wsi::Samples samples;
      wsi::read_samples(file.path(), slides, samples);
    } catch (const Error&) {
    }
  return 0;
}
