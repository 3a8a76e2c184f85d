// SPDX-License-Identifier: Apache-2.0
#include <flowrun/testing.h>
#include <stdlib.h>

#include <cerrno>
#include <limits>
#include <system_error>

#include "run/budget.h"
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

Leases::Leases()
    : budget_(std::make_unique<Budget>(std::numeric_limits<std::size_t>::max() / 2)),
      account_(&budget_->open_account("test", 0)) {}
Leases::~Leases() = default;
Lease Leases::take(std::size_t bytes) {
  return budget_->take_or_wait({account_, bytes, 0, {}});
}
std::size_t Leases::held() const {
  return budget_->used();
}
std::size_t Leases::peak() const {
  return budget_->peak();
}

fs::path TestScope::stage(const fs::path& folder, const fs::path& unit) const {
  fs::create_directories((folder / unit).parent_path());
  return folder / unit;
}

}  // namespace flowrun::testing
