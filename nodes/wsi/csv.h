// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace flowrun::wsi {

/// A field of a table as RFC 4180 has it: in quotes where it must be.
inline std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace flowrun::wsi
