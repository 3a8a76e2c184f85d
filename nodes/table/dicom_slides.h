// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// Whether the name ends in .dcm, in any case.
bool is_dicom(const std::filesystem::path& file);

/// Tells which DICOM files are one slide: those in a folder that have the same Series Instance UID, whatever
/// their number, as OpenSlide takes them (a file a level, or parts of one; label and macro as well). Reads
/// each file's header once. Not thread-safe.
class DicomSlides {
 public:
  /// The slide's files, absolute, sorted, `file` among them; `file` alone when it cannot be read; none when
  /// it is DICOM of another kind (a report, a segmentation). Without OpenSlide 4 all .dcm files of the
  /// folder, as none can be opened.
  std::vector<std::filesystem::path> files_of(const std::filesystem::path& file);

 private:
  /// By file: its series, "" when it is no slide; nothing when it cannot be read.
  using Series = std::map<std::filesystem::path, std::optional<std::string>>;
  const Series& in_folder(const std::filesystem::path& folder);

  std::map<std::filesystem::path, Series> folders_;
};

}  // namespace flowrun::wsi
