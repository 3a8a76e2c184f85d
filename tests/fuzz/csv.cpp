// SPDX-License-Identifier: Apache-2.0
/// Tables of text: there are rows or an Error.
#include "nodes/table/csv.h"

#include <flowrun/error.h>

#include <cstdint>
#include <memory>
#include <sstream>
#include <string>

#include "nodes/table/slide_labels.h"

namespace {

flowrun::wsi::CsvReader table_of(const std::string& text) {
  return {std::make_unique<std::istringstream>(text), "table"};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    flowrun::wsi::CsvReader table = table_of(text);
    const auto x = table.find({"x"});
    while (table.next())
      if (x) table.whole_number(*x);
  } catch (const flowrun::Error&) {
  }
  try {
    const flowrun::wsi::SlideLabels labels(table_of(text));
    flowrun::wsi::SlideFacts slide;
    slide.path = "x.svs";
    slide.name = "x";
    labels.find(slide);
  } catch (const flowrun::Error&) {
  }
  return 0;
}
