// SPDX-License-Identifier: Apache-2.0
#include <flowrun/testing.h>
#include <stdlib.h>

#include <cerrno>
#include <system_error>

#include "graph/yaml_value.h"

namespace flowrun::testing {

namespace fs = std::filesystem;

Value yaml(const std::string& text) {
  Diagnostics diagnostics("value", text);
  Value value = parse_yaml(text, diagnostics);
  if (!diagnostics.empty()) throw Failure(diagnostics.render());
  return value;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = fs::temp_directory_path() / "flowrun-XXXXXX";
  if (!::mkdtemp(name.data())) throw std::system_error(errno, std::generic_category(), name);
  path_ = name;
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace flowrun::testing
