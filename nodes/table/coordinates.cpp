// SPDX-License-Identifier: Apache-2.0
#include "coordinates.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <utility>

#include "csv.h"
#include "h5_coordinates.h"
#include "h5_file.h"
#include "label_text.h"
#include "slide_names.h"

namespace flowrun::wsi {
namespace {

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
    TilePlace place{table_.whole_number(x_), table_.whole_number(y_),
                    label_ ? label_text(table_.field(*label_)) : ""};
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
    if (given(size_)) kind.size = whole(*size_, 1, most_tile_size);
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

}  // namespace

std::unique_ptr<CoordinateReader> CoordinateReader::open(const std::filesystem::path& file,
                                                         std::shared_ptr<const SlideFacts> slide) {
  if (is_h5(file)) return read_h5_coordinates(file, std::move(slide));
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
