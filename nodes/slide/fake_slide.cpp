// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <flowrun/wsi/testing.h>
#include <fmt/format.h>

#include <cmath>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <utility>

namespace flowrun::testing {
namespace {

/// Reads levels that are in memory.
class PictureReader final : public wsi::PixelReader {
 public:
  PictureReader(std::vector<cv::Mat> levels, cv::Scalar background, std::string problem)
      : levels_(std::move(levels)), background_(background), problem_(std::move(problem)) {}

  void read(int level, std::int64_t x, std::int64_t y, cv::Mat& rgb) override {
    if (!problem_.empty()) throw Error(problem_);
    const cv::Mat& from = levels_.at(static_cast<std::size_t>(level));
    const cv::Rect2d wanted(static_cast<double>(x), static_cast<double>(y), rgb.cols, rgb.rows);
    const cv::Rect2d there = wanted & cv::Rect2d(0, 0, from.cols, from.rows);
    rgb.setTo(background_);
    if (there.empty()) return;
    const cv::Rect source(there), target(there - cv::Point2d(wanted.x, wanted.y));
    from(source).copyTo(rgb(target));
  }

 private:
  const std::vector<cv::Mat> levels_;
  const cv::Scalar background_;
  const std::string problem_;
};

}  // namespace

wsi::Slide fake_slide(const cv::Mat& rgb, const FakeSlide& options) {
  if (rgb.empty() || rgb.type() != CV_8UC3)
    throw std::invalid_argument("a fake slide is made of a picture of rows x cols x 3, 8 bit");
  auto facts = std::make_shared<wsi::SlideFacts>();
  facts->path = options.name + ".fake";
  facts->name = options.name;
  facts->vendor = "fake";
  facts->mpp = options.mpp;
  facts->objective_power = options.objective_power;
  facts->bounds = cv::Rect2d(0, 0, rgb.cols, rgb.rows);
  std::vector<cv::Mat> levels;
  for (const int downsample : options.downsamples) {
    const cv::Size size(rgb.cols / std::max(1, downsample), rgb.rows / std::max(1, downsample));
    if (downsample < 1 || size.empty() || (levels.empty() && downsample != 1))
      throw std::invalid_argument(fmt::format("a picture of {} x {} has no level of downsample {} here",
                                              rgb.cols, rgb.rows, downsample));
    cv::Mat& level = levels.emplace_back();
    if (downsample == 1)
      level = rgb.clone();
    else
      cv::resize(rgb, level, size, 0, 0, cv::INTER_AREA);
    facts->levels.push_back({size.width, size.height, static_cast<double>(downsample)});
  }
  auto reader = std::make_shared<PictureReader>(std::move(levels), cv::Scalar::all(255), options.problem);
  return wsi::Slide(std::move(facts), std::move(reader));
}

wsi::Tile fake_tile(const wsi::Slide& slide, std::int64_t x, std::int64_t y, int size, int level) {
  const double downsample = slide.level(level).downsample;
  wsi::Tile tile;
  tile.pixels = cv::Mat(size, size, CV_8UC3);
  slide.read(level, std::llround(static_cast<double>(x) / downsample),
             std::llround(static_cast<double>(y) / downsample), tile.pixels);
  tile.x = x;
  tile.y = y;
  tile.level = level;
  tile.extent = size * downsample;
  if (slide.facts().mpp) tile.mpp = *slide.facts().mpp * downsample;
  tile.untouched = true;
  tile.slide = slide.share_facts();
  return tile;
}

}  // namespace flowrun::testing
