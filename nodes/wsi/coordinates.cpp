// SPDX-License-Identifier: Apache-2.0
#include "coordinates.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "csv.h"
#include "h5_file.h"
#include "slide_names.h"

namespace flowrun::wsi {
namespace {

constexpr double most_size = 1 << 20;  // pixels of a tile

class TableCoordinates final : public CoordinateReader {
 public:
  TableCoordinates(const std::filesystem::path& file, std::shared_ptr<const SlideFacts> slide)
      : CoordinateReader(std::move(slide)),
        table_(file),
        x_(table_.column({"x"})),
        y_(table_.column({"y"})),
        slide_column_(table_.find({"slide", "slide_id"})),
        label_(table_.find({"label"})),
        size_(table_.find({"size"})),
        level_(table_.find({"level"})),
        mpp_(table_.find({"mpp"})),
        extent_(table_.find({"extent"})) {
    more_ = next_of_slide();
    if (more_) kind_ = kind_of_row();
    first_line_ = table_.line();
  }

  std::optional<TilePlace> next() override {
    if (!more_) return {};
    TilePlace place{table_.whole_number(x_), table_.whole_number(y_), label_ ? table_.field(*label_) : ""};
    if (const auto what = problem(place.x, place.y)) table_.fail(*what);
    if (kind_of_row() != kind_)
      table_.fail(
          fmt::format("size, level, mpp or extent differ from those in line {}; all tiles of a slide "
                      "must be alike",
                      first_line_));
    more_ = next_of_slide();
    return place;
  }

 private:
  bool next_of_slide() {
    while (table_.next())
      if (!slide_column_ || names_slide(table_.field(*slide_column_), *slide_)) return true;
    return false;
  }
  bool given(const std::optional<std::size_t>& column) const {
    return column && !table_.field(*column).empty();
  }
  double within(std::size_t column, double low, double high) const {
    const double value = table_.number(column);
    if (value < low || value > high)
      table_.fail(
          fmt::format("'{}': expected {} to {}, found {}", table_.columns()[column], low, high, value));
    return value;
  }
  int whole(std::size_t column, double low, double high) const {
    within(column, low, high);
    return static_cast<int>(table_.whole_number(column));
  }
  TileKind kind_of_row() const {
    TileKind kind;
    if (given(size_)) kind.size = whole(*size_, 1, most_size);
    if (given(level_)) kind.level = whole(*level_, 0, static_cast<double>(slide_->levels.size() - 1));
    if (given(mpp_)) kind.mpp = within(*mpp_, 1e-6, 1e6);
    if (given(extent_)) kind.extent = within(*extent_, 1e-3, 1e9);
    return kind;
  }

  CsvReader table_;
  std::size_t x_, y_;
  std::optional<std::size_t> slide_column_, label_, size_, level_, mpp_, extent_;
  bool more_ = false;  // a row is waiting
  std::int64_t first_line_ = 0;
};

class H5Coordinates final : public CoordinateReader {
 public:
  H5Coordinates(std::filesystem::path path, std::shared_ptr<const SlideFacts> slide)
      : CoordinateReader(std::move(slide)), path_(std::move(path)), file_(path_) {
    const H5Reader::Shape shape = file_.shape(coords);
    if (shape.dims.size() != 2 || shape.dims[1] != 2 || !shape.whole_numbers)
      fail(fmt::format("'coords' must be whole numbers of shape (tiles, 2), found {} of shape ({})",
                       shape.type, fmt::join(shape.dims, ", ")));
    rows_ = shape.dims[0];
    check_slide();
    kind_.size = whole("patch_size", 1, most_size);
    kind_.level = whole("patch_level", 0, static_cast<double>(slide_->levels.size() - 1));
    kind_.extent = number("patch_size_level0", 1, 1e9);
    kind_.overlap = whole("overlap", -most_size, most_size);
    if (const auto more = number("custom_downsample", 0, 1e9); more && *more != 1)
      fail("its tiles are scaled (custom_downsample), which is not read");
  }

  std::optional<TilePlace> next() override {
    if (next_ == rows_) return {};
    if (next_ % batch_rows == 0)
      file_.read(coords, next_, static_cast<std::size_t>(std::min<std::uint64_t>(batch_rows, rows_ - next_)),
                 batch_);
    const std::size_t at = 2 * static_cast<std::size_t>(next_ % batch_rows);
    const TilePlace place{batch_[at], batch_[at + 1], {}};
    if (const auto what = problem(place.x, place.y)) fail(fmt::format("row {}: {}", next_, *what));
    ++next_;
    return place;
  }
  std::optional<std::uint64_t> total() const override { return rows_; }

 private:
  static constexpr const char* coords = "coords";
  static constexpr std::uint64_t batch_rows = 4096;

  [[noreturn]] void fail(const std::string& message) const {
    throw Error(fmt::format("{}: {}", path_.string(), message));
  }
  std::optional<double> number(const char* attribute, double low, double high) const {
    const auto value = file_.number(coords, attribute);
    if (value && !(*value >= low && *value <= high))
      fail(fmt::format("'{}': expected {} to {}, found {}", attribute, low, high, *value));
    return value;
  }
  std::optional<int> whole(const char* attribute, double low, double high) const {
    const auto value = number(attribute, low, high);
    if (value && std::trunc(*value) != *value)
      fail(fmt::format("'{}': expected a whole number, found {}", attribute, *value));
    return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
  }
  void check_slide() const {
    const auto name = file_.text(coords, "name");
    if (name && !names_slide(*name, *slide_))
      fail(fmt::format("these are tiles of slide '{}', not of '{}'", *name, slide_->name));
    const auto width = file_.number(coords, "level0_width"), height = file_.number(coords, "level0_height");
    if (width && height &&
        (*width != static_cast<double>(slide_->width()) || *height != static_cast<double>(slide_->height())))
      fail(fmt::format("these are tiles of a slide of {} x {} pixels, but '{}' has {} x {}", *width, *height,
                       slide_->name, slide_->width(), slide_->height()));
  }

  std::filesystem::path path_;
  H5Reader file_;
  std::uint64_t rows_ = 0;
  std::uint64_t next_ = 0;
  std::vector<std::int64_t> batch_;
};

}  // namespace

std::unique_ptr<CoordinateReader> CoordinateReader::open(const std::filesystem::path& file,
                                                         std::shared_ptr<const SlideFacts> slide) {
  if (is_h5(file)) return std::make_unique<H5Coordinates>(file, std::move(slide));
  return std::make_unique<TableCoordinates>(file, std::move(slide));
}

std::optional<std::string> CoordinateReader::problem(std::int64_t x, std::int64_t y) const {
  // A tile whose extent is not known may begin as far before the slide as the slide is large.
  const auto outside = [&](std::int64_t from, std::int64_t side) {
    const double before = kind_.extent.value_or(static_cast<double>(side));
    return from >= side || static_cast<double>(from) + before <= 0;
  };
  if (!outside(x, slide_->width()) && !outside(y, slide_->height())) return {};
  return fmt::format("the tile at x {}, y {} is outside of the slide ({} x {} pixels)", x, y, slide_->width(),
                     slide_->height());
}

}  // namespace flowrun::wsi
