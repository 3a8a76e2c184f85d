// SPDX-License-Identifier: Apache-2.0
#include "dicom_slides.h"

#include <system_error>

#include "nodes/base/text.h"

#ifdef FLOWRUN_OPENSLIDE_4
extern "C" {  // which the header leaves to its user
#include <dicom/dicom.h>
}

#include <memory>
#include <string_view>
#endif

namespace flowrun::wsi {
namespace {

namespace fs = std::filesystem;

#ifdef FLOWRUN_OPENSLIDE_4
const char* text_of(const DcmDataSet* data, const char* keyword) {
  const char* text = nullptr;
  DcmElement* element = dcm_dataset_get(nullptr, data, dcm_dict_tag_from_keyword(keyword));
  return element && dcm_element_get_value_string(nullptr, element, 0, &text) ? text : nullptr;
}

std::optional<std::string> series_of(const fs::path& file) {
  // DICOM PS3.4, B.5: VL Whole Slide Microscopy Image Storage.
  constexpr std::string_view slides = "1.2.840.10008.5.1.4.1.1.77.1.6";
  const std::unique_ptr<DcmFilehandle, void (*)(DcmFilehandle*)> handle(
      dcm_filehandle_create_from_file(nullptr, file.c_str()), dcm_filehandle_destroy);
  if (!handle) return {};
  const DcmDataSet* meta = dcm_filehandle_get_file_meta(nullptr, handle.get());
  const char* kind = meta ? text_of(meta, "MediaStorageSOPClassUID") : nullptr;
  if (!kind) return {};
  if (kind != slides) return "";
  const DcmDataSet* data = dcm_filehandle_get_metadata_subset(nullptr, handle.get());
  const char* series = data ? text_of(data, "SeriesInstanceUID") : nullptr;
  return series && *series ? std::optional<std::string>(series) : std::nullopt;
}
#else
std::optional<std::string> series_of(const fs::path&) {
  return "not told";
}
#endif

}  // namespace

bool is_dicom(const fs::path& file) {
  return lower(file.extension().string()) == ".dcm";
}

const DicomSlides::Series& DicomSlides::in_folder(const fs::path& folder) {
  const auto [at, is_new] = folders_.try_emplace(folder);
  std::error_code ignored;
  if (is_new)
    for (const auto& entry : fs::directory_iterator(folder, ignored))
      if (is_dicom(entry.path()) && entry.is_regular_file(ignored))
        at->second[entry.path()] = series_of(entry.path());
  return at->second;
}

std::vector<fs::path> DicomSlides::files_of(const fs::path& any_file) {
  const fs::path file = fs::absolute(any_file).lexically_normal();
  const Series& all = in_folder(file.parent_path());
  const auto own = all.find(file);
  if (own == all.end() || !own->second) return {file};
  std::vector<fs::path> out;
  if (!own->second->empty())
    for (const auto& [other, series] : all)
      if (series == own->second) out.push_back(other);
  return out;
}

}  // namespace flowrun::wsi
