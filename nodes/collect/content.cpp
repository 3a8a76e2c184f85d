// SPDX-License-Identifier: Apache-2.0
#include "content.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <memory>
#include <string_view>

#include "descriptor.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi::collect {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t compared_bytes = std::size_t{1} << 18;

bool same_bytes(const fs::path& a, const fs::path& b) {
  if (fs::file_size(a) != fs::file_size(b)) return false;
  const Descriptor first(a, O_RDONLY), second(b, O_RDONLY);
  const auto buffer = std::make_unique_for_overwrite<char[]>(2 * compared_bytes);
  for (;;) {
    const std::string_view x(buffer.get(), first.read(buffer.get(), compared_bytes));
    const std::string_view y(buffer.get() + compared_bytes,
                             second.read(buffer.get() + compared_bytes, compared_bytes));
    if (x != y) return false;
    if (x.size() < compared_bytes) return true;
  }
}

bool contained(const fs::path& part, const fs::path& whole) {
  const fs::file_status of_part = fs::symlink_status(part), of_whole = fs::symlink_status(whole);
  if (of_part.type() != of_whole.type()) return false;
  switch (of_part.type()) {
    case fs::file_type::regular:
      return same_bytes(part, whole);
    case fs::file_type::symlink:
      return fs::read_symlink(part) == fs::read_symlink(whole);
    case fs::file_type::directory:
      for (const auto& entry : fs::directory_iterator(part))
        if (!contained(entry.path(), whole / entry.path().filename())) return false;
      return true;
    default:
      throw Error(
          fmt::format("{} is neither a file nor a folder: it cannot be copied", printable(part.string())));
  }
}

}  // namespace

bool contains_all_of(const fs::path& part, const fs::path& whole) {
  try {
    return contained(part, whole);
  } catch (const fs::filesystem_error& problem) {
    fail("read", problem.path1(), problem.code().value());
  }
}

bool same_content(const fs::path& a, const fs::path& b) {
  return contains_all_of(a, b) && (!fs::is_directory(a) || contains_all_of(b, a));
}

}  // namespace flowrun::wsi::collect
