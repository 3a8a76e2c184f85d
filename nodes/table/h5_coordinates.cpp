// SPDX-License-Identifier: Apache-2.0
#include "h5_coordinates.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "h5_file.h"
#include "isolated.h"
#include "slide_names.h"

namespace flowrun::wsi {
namespace {

constexpr const char* coords = "coords";
constexpr std::uint64_t batch_rows = 4096;

/// What a file says of all rows, as it goes from one process to the other.
struct Head {
  TileKind kind;
  std::uint64_t rows = 0;
};

/// Checks a file and reads its attributes.
class CoordsFile {
 public:
  CoordsFile(const std::filesystem::path& path, const SlideFacts& slide) : path_(path), file_(path) {
    const std::optional<double> microns = stamp_tile_size();
    const H5Reader::Shape shape = file_.shape(coords);
    if (shape.dims.size() != 2 || shape.dims[1] != 2 || !(microns ? shape.numbers : shape.whole_numbers))
      fail(fmt::format(
          "'coords' must be {} of shape (tiles, 2), found {} of shape ({})",
          microns ? "numbers" : "whole numbers, or microns with the file's attribute tile_size_um,",
          shape.type, fmt::join(shape.dims, ", ")));
    head.rows = shape.dims[0];
    if (microns) {
      stamp_kind(*microns, slide);
      return;
    }
    if (file_.has("feats"))
      fail(
          "these are features of STAMP that do not say in what 'coords' are; expected the file's attribute "
          "tile_size_um");
    check_slide(slide);
    head.kind.size = whole(coords, "patch_size", 1, most_tile_size);
    head.kind.level = whole(coords, "patch_level", 0, static_cast<double>(slide.levels.size() - 1));
    head.kind.extent = number(coords, "patch_size_level0", 1, 1e9);
    head.kind.overlap = whole(coords, "overlap", -most_tile_size, most_tile_size);
    if (const auto more = number(coords, "custom_downsample", 0, 1e9); more && *more != 1)
      fail("its tiles are scaled (custom_downsample), which is not read");
  }

  void read(std::uint64_t first, std::vector<std::int64_t>& to) const {
    const auto rows = static_cast<std::size_t>(std::min(batch_rows, head.rows - first));
    if (!mpp_) return file_.read(coords, first, rows, to);
    std::vector<double> microns;
    file_.read(coords, first, rows, microns);
    to.clear();
    for (const double one : microns) {
      const double pixel = one / *mpp_;
      if (!(std::abs(pixel) < 1e15))
        fail(fmt::format("row {}: {} microns are no place", first + to.size() / 2, one));
      to.push_back(std::llround(pixel));
    }
  }

  Head head;

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw Error(fmt::format("{}: {}", path_.string(), message));
  }
  std::optional<double> number(const char* of, const char* attribute, double low, double high) const {
    const auto value = file_.number(of, attribute);
    if (value && !(*value >= low && *value <= high))
      fail(fmt::format("'{}': expected {} to {}, found {}", attribute, low, high, *value));
    return value;
  }
  std::optional<int> whole(const char* of, const char* attribute, double low, double high) const {
    const auto value = number(of, attribute, low, high);
    if (value && std::trunc(*value) != *value)
      fail(fmt::format("'{}': expected a whole number, found {}", attribute, *value));
    return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
  }
  /// The tiles' microns, which only files of STAMP have (stamp/modeling/data.py, get_coords).
  std::optional<double> stamp_tile_size() const {
    constexpr double least = 1e-3, most = 1e9;
    if (const auto size = number(h5_whole_file, "tile_size_um", least, most)) return size;
    if (file_.text(h5_whole_file, "unit") == "um") return number(h5_whole_file, "tile_size", least, most);
    return {};
  }
  void stamp_kind(double tile_microns, const SlideFacts& slide) {
    try {
      mpp_ = slide.mpp_or_throw();
    } catch (const Error& problem) {
      fail(fmt::format("its places are microns, but {}", problem.what()));
    }
    head.kind.size = whole(h5_whole_file, "tile_size_px", 1, most_tile_size);
    head.kind.extent = tile_microns / *mpp_;
  }
  void check_slide(const SlideFacts& slide) const {
    const auto name = file_.text(coords, "name");
    const auto width = file_.number(coords, "level0_width"), height = file_.number(coords, "level0_height");
    const bool trident = width && height && name == trident_name(slide.name, slide.path.string());
    if (name && !trident && !names_slide(*name, slide))
      fail(fmt::format("these are tiles of slide '{}', not of '{}'", *name, slide.name));
    if (width && height &&
        (*width != static_cast<double>(slide.width()) || *height != static_cast<double>(slide.height())))
      fail(fmt::format("these are tiles of a slide of {} x {} pixels, but '{}' has {} x {}", *width, *height,
                       slide.name, slide.width(), slide.height()));
  }

  const std::filesystem::path& path_;
  H5Reader file_;
  std::optional<double> mpp_;  // of the slide, where places are microns
};

void send_coordinates(const std::filesystem::path& path, const SlideFacts& slide,
                      const Isolated::Send& send) {
  const CoordsFile file(path, slide);
  send(message_of(&file.head, 1));
  std::vector<std::int64_t> batch;
  for (std::uint64_t row = 0; row < file.head.rows; row += batch_rows) {
    file.read(row, batch);
    send(message_of(batch.data(), batch.size()));
  }
}

class H5Coordinates final : public CoordinateReader {
 public:
  H5Coordinates(std::filesystem::path path, std::shared_ptr<const SlideFacts> slide)
      : CoordinateReader(std::move(slide)),
        path_(std::move(path)),
        rows_([this](const Isolated::Send& send) { send_coordinates(path_, *slide_, send); }) {
    Head head;
    receive(&head, sizeof head);
    kind_ = head.kind;
    count_ = head.rows;
  }

  std::optional<TilePlace> next() override {
    if (next_ == count_) return {};
    if (next_ % batch_rows == 0) {
      batch_.resize(2 * static_cast<std::size_t>(std::min(batch_rows, count_ - next_)));
      receive(batch_.data(), batch_.size() * sizeof batch_[0]);
    }
    const std::size_t at = 2 * static_cast<std::size_t>(next_ % batch_rows);
    const TilePlace place{batch_[at], batch_[at + 1], {}};
    if (const auto what = problem(place.x, place.y))
      throw Error(fmt::format("{}: row {}: {}", path_.string(), next_, *what));
    ++next_;
    return place;
  }
  std::optional<std::uint64_t> total() const override { return count_; }

 private:
  void receive(void* to, std::size_t bytes) {
    std::optional<std::string> message;
    try {
      message = rows_.receive();
    } catch (const Error& error) {
      const std::string_view text = error.what();
      if (text.starts_with(path_.string())) throw;
      throw Error(
          fmt::format("{}: the file is broken; while the HDF5 library read it, {}", path_.string(), text));
    }
    if (!message || message->size() != bytes)
      throw Error(fmt::format("{}: the file is broken", path_.string()));
    std::memcpy(to, message->data(), bytes);
  }

  std::filesystem::path path_;
  Isolated rows_;
  std::uint64_t count_ = 0;
  std::uint64_t next_ = 0;
  std::vector<std::int64_t> batch_;
};

}  // namespace

std::unique_ptr<CoordinateReader> read_h5_coordinates(const std::filesystem::path& file,
                                                      std::shared_ptr<const SlideFacts> slide) {
  return std::make_unique<H5Coordinates>(file, std::move(slide));
}

}  // namespace flowrun::wsi
