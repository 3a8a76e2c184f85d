// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowrun {

/// Writes a file whole or not at all: under a temporary name first, then renamed. Throws Error.
void write_whole(const std::filesystem::path& file, const std::string& content);

/// Writes a file that is on the disk only after the next sync_file_system(). Throws Error.
void write_unsynced(const std::filesystem::path& file, const std::string& content);

/// Waits until all that was written to the file system of `folder`, which is open as `descriptor`, is on its
/// disk. Throws Error.
void sync_file_system(int descriptor, const std::filesystem::path& folder);

/// Waits until names in `folder` are on its disk as they are now. Throws Error.
void sync_folder(const std::filesystem::path& folder);

/// The content of a file, nothing when there is none. Throws Error when it cannot be read.
std::optional<std::string> read_text(const std::filesystem::path& file);

/// Something is there, be it a symbolic link that leads nowhere.
bool stands(const std::filesystem::path& path);

void rename_or_throw(const std::filesystem::path& from, const std::filesystem::path& to);
/// Also a folder with all that is in it; what is not there is fine.
void remove_or_throw(const std::filesystem::path& path);
/// With the folders above it.
void create_or_throw(const std::filesystem::path& folder);
std::vector<std::string> names_in(const std::filesystem::path& folder);

/// An error number in words.
std::string why(int code);

}  // namespace flowrun
