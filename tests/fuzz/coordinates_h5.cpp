// SPDX-License-Identifier: Apache-2.0
/// Places of tiles from HDF5 files, of which anything may be broken: there is a result or an Error.
#include <flowrun/error.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "nodes/table/coordinates.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("flowrun-fuzz-" + std::to_string(::getpid()) + ".h5");
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  try {
    flowrun::wsi::SlideFacts slide;
    slide.path = "small.svs";
    slide.name = "small";
    slide.levels = {{2600, 1900, 1}, {650, 475, 4}};
    const auto places =
        flowrun::wsi::CoordinateReader::open(file, std::make_shared<flowrun::wsi::SlideFacts>(slide));
    // A file may say that it has any number of rows, of which none is stored.
    for (int i = 0; i < 100000 && places->next(); ++i) {
    }
  } catch (const flowrun::Error&) {
  }
  std::filesystem::remove(file);
  return 0;
}
