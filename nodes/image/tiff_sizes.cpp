// SPDX-License-Identifier: Apache-2.0
#include "tiff_sizes.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <set>
#include <string>
#include <system_error>
#include <vector>

namespace flowrun::wsi {
namespace {

/// By type (TIFF 6.0, section 2; BigTIFF); 0: not known.
std::uint64_t bytes_of_type(std::uint64_t type) {
  constexpr std::array<std::uint8_t, 19> bytes{0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
  return type < bytes.size() ? bytes[type] : 0;
}

constexpr std::uint64_t tile_bytes = 325, strip_bytes = 279;  // tags
constexpr std::uint64_t most_tile_bytes = std::uint64_t{64}
                                          << 20;  // of one of 4096 x 4096 pixels they are 48

constexpr std::uint64_t most_tags = 65535;  // of a directory; those of a TIFF cannot say more

struct Tag {
  std::uint64_t number = 0;
  std::uint64_t value_bytes = 0;  // of each; 0: of a type that is not known
  std::uint64_t values = 0;
  bool fits_into(std::uint64_t bytes) const { return value_bytes == 0 || values <= bytes / value_bytes; }
};

class SizeCheck {
 public:
  explicit SizeCheck(const std::filesystem::path& file) : file_(file), in_(file, std::ios::binary) {
    std::error_code ignored;
    size_ = std::filesystem::file_size(file, ignored);
    if (ignored) size_ = 0;
    left_ = 4 * size_;
  }

  void run() {
    std::array<std::uint8_t, 16> head{};
    if (!read(0, head.data(), 8)) return;
    if (head[0] != head[1] || (head[0] != 'I' && head[0] != 'M')) return;
    little_ = head[0] == 'I';
    const std::uint64_t version = number(head.data() + 2, 2);
    if (version != 42 && version != 43) return;
    big_ = version == 43;
    constexpr std::uint64_t four_bytes = 0xffffffff;
    if (!big_ && size_ > four_bytes) return;  // Hamamatsu's, whose places are cut to four bytes
    if (big_ && !read(0, head.data(), 16)) return;
    std::set<std::uint64_t> seen;
    std::uint64_t at = big_ ? number(head.data() + 8, 8) : number(head.data() + 4, 4);
    // What is wrong with the chain of directories, readers say themselves.
    while (at != 0 && seen.insert(at).second && check_directory(at)) continue;
  }

 private:
  bool read(std::uint64_t at, std::uint8_t* to, std::uint64_t bytes) {
    if (at > size_ || bytes > size_ - at) return false;
    in_.seekg(static_cast<std::streamoff>(at));
    return static_cast<bool>(in_.read(reinterpret_cast<char*>(to), static_cast<std::streamsize>(bytes)));
  }

  std::uint64_t number(const std::uint8_t* from, int bytes) const {
    std::uint64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | from[little_ ? bytes - 1 - i : i];
    return value;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{}: damaged slide: {}", file_.string(), what));
  }

  /// Directories and lists that lie over each other may be many times as large as the file.
  void use_up(std::uint64_t bytes) {
    if (bytes > left_) fail("its directories lie over each other");
    left_ -= bytes;
  }

  /// Sets `at` to the next directory; false when this one does not lie in the file.
  bool check_directory(std::uint64_t& at) {
    const int count_bytes = big_ ? 8 : 2, word = big_ ? 8 : 4, entry_bytes = big_ ? 20 : 12;
    std::array<std::uint8_t, 20> bytes{};
    if (!read(at, bytes.data(), static_cast<std::uint64_t>(count_bytes))) return false;
    const std::uint64_t count = number(bytes.data(), count_bytes);
    at += static_cast<std::uint64_t>(count_bytes);
    if (count > most_tags) fail(fmt::format("a directory of {} tags, expected at most {}", count, most_tags));
    if (at > size_ || count > (size_ - at) / static_cast<std::uint64_t>(entry_bytes)) return false;
    use_up(count * static_cast<std::uint64_t>(entry_bytes));
    std::vector<std::uint8_t> entries(count * static_cast<std::uint64_t>(entry_bytes));
    if (!read(at, entries.data(), entries.size())) return false;
    for (const std::uint8_t* entry = entries.data(); entry != entries.data() + entries.size();
         entry += entry_bytes, at += static_cast<std::uint64_t>(entry_bytes)) {
      const Tag tag{number(entry, 2), bytes_of_type(number(entry + 2, 2)), number(entry + 4, word)};
      const bool within = tag.fits_into(static_cast<std::uint64_t>(word));
      const std::uint64_t place =
          within ? at + 4 + static_cast<std::uint64_t>(word) : number(entry + 4 + word, word);
      if (!within && (place > size_ || !tag.fits_into(size_ - place)))
        fail(fmt::format("tag {} has {} values, which do not lie in the file", tag.number, tag.values));
      if (tag.number == tile_bytes) check_sizes(tag, place, std::min(size_, most_tile_bytes), "tile");
      if (tag.number == strip_bytes) check_sizes(tag, place, size_, "strip");
    }
    if (!read(at, bytes.data(), static_cast<std::uint64_t>(word))) return false;
    at = number(bytes.data(), word);
    return true;
  }

  void check_sizes(const Tag& tag, std::uint64_t place, std::uint64_t most, const char* what) {
    constexpr std::uint64_t at_once = 4096;  // values
    std::vector<std::uint8_t> bytes(at_once * tag.value_bytes);
    use_up(tag.values * tag.value_bytes);
    for (std::uint64_t done = 0; tag.value_bytes > 0 && done < tag.values; done += at_once) {
      const std::uint64_t count = std::min(at_once, tag.values - done);
      if (!read(place + done * tag.value_bytes, bytes.data(), count * tag.value_bytes)) return;
      for (std::uint64_t i = 0; i < count; ++i) {
        const auto size = number(bytes.data() + i * tag.value_bytes, static_cast<int>(tag.value_bytes));
        if (size > most)
          fail(fmt::format("{} {} has {} bytes, expected at most {}", what, done + i, size, most));
      }
    }
  }

  const std::filesystem::path& file_;
  std::ifstream in_;
  std::uint64_t size_ = 0;
  std::uint64_t left_ = 0;  // bytes of directories and lists yet to come, at most
  bool little_ = true, big_ = false;
};

}  // namespace

void check_tiff_sizes(const std::filesystem::path& file) {
  SizeCheck(file).run();
}

}  // namespace flowrun::wsi
