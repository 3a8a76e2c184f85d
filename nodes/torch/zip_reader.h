// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

namespace flowrun::torch_nodes {

/// Reads an archive as torch.save writes it: a ZIP file (APPNOTE 6.3.9) whose entries lie in one folder and
/// are stored as they are. libtorch's own reader allocates whatever the directory says, does not see damage,
/// and leaks when there is no directory. Not thread-safe.
class ZipReader {
 public:
  /// Reads the directory. Throws Error when there is none, or when entries are compressed or larger together
  /// than the file.
  explicit ZipReader(const std::filesystem::path& file);

  /// Names are without the folder.
  bool has(const std::string& name) const { return entries_.count(name) > 0; }
  /// Bytes. Throws Error when there is no such entry.
  std::uint64_t size(const std::string& name) const { return entry(name).bytes; }
  /// Where in the file its bytes begin. Throws Error when there is no such entry.
  std::uint64_t place(const std::string& name);
  /// Reads all of an entry. Throws Error when it is damaged.
  void read(const std::string& name, char* to);

 private:
  struct Entry {
    std::uint64_t header = 0;  // where it is in the file
    std::uint64_t bytes = 0;
    std::uint32_t crc = 0;
    bool compressed = false;  // cannot be read
  };
  const Entry& entry(const std::string& name) const;
  std::string bytes_at(std::uint64_t at, std::uint64_t count);
  std::string directory();
  /// Takes the first entry off.
  std::uint64_t add_entry(std::string_view& directory);

  std::ifstream in_;
  const std::uint64_t size_;
  std::map<std::string, Entry> entries_;
};

}  // namespace flowrun::torch_nodes
