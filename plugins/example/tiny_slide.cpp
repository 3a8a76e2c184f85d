// SPDX-License-Identifier: Apache-2.0
#include "tiny_slide.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <memory>
#include <opencv2/core.hpp>
#include <sstream>

namespace {

using flowrun::Error;

constexpr std::int64_t longest_side = 10'000'000;  // pixels
constexpr int pixel_bytes = 3;

struct Header {
  std::int64_t width = 0, height = 0;
  double mpp = 0;
  std::int64_t bytes = 0;  ///< of the header itself
};

Header read_header(const std::filesystem::path& path) {
  const auto refuse = [&](const std::string& why) { throw Error(path.string() + ": " + why); };
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(std::string("cannot be opened: ") + std::strerror(errno));
  std::string line(100, '\0');
  file.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(file.gcount()));
  const auto end = line.find('\n');
  std::istringstream words(line.substr(0, end));
  std::string magic;
  int version = 0;
  Header header;
  if (!(words >> magic >> version >> header.width >> header.height >> header.mpp) || magic != "TINY" ||
      end == std::string::npos)
    refuse("not a tiny slide: it does not begin with a line 'TINY 1 WIDTH HEIGHT MPP'");
  if (version != 1) refuse("version " + std::to_string(version) + " of the format is not known, only 1");
  if (std::min(header.width, header.height) < 1 || std::max(header.width, header.height) > longest_side)
    refuse("a slide of " + std::to_string(header.width) + " x " + std::to_string(header.height) + " pixels");
  if (!std::isfinite(header.mpp) || header.mpp <= 0) refuse("its microns per pixel are no positive number");
  header.bytes = static_cast<std::int64_t>(end) + 1;
  const auto expected =
      static_cast<std::uintmax_t>(header.bytes + header.width * header.height * pixel_bytes);
  const auto found = std::filesystem::file_size(path);
  if (found != expected)
    refuse("expected " + std::to_string(expected) + " bytes, found " + std::to_string(found));
  return header;
}

/// Reads pixels by pread(), which many threads may do at once.
class TinyReader final : public flowrun::wsi::PixelReader {
 public:
  TinyReader(std::filesystem::path path, const Header& header, cv::Scalar background)
      : path_(std::move(path)),
        header_(header),
        background_(background),
        file_(::open(path_.c_str(), O_RDONLY)) {
    if (file_ < 0) throw Error(path_.string() + ": cannot be opened: " + std::strerror(errno));
  }
  ~TinyReader() override { ::close(file_); }
  TinyReader(const TinyReader&) = delete;
  TinyReader& operator=(const TinyReader&) = delete;

  void read(int /*level*/, std::int64_t x, std::int64_t y, cv::Mat& rgb) override {
    rgb.setTo(background_);
    const std::int64_t left = std::max<std::int64_t>(x, 0), right = std::min(x + rgb.cols, header_.width);
    if (left >= right) return;
    for (int row = 0; row < rgb.rows; ++row) {
      if (y + row < 0 || y + row >= header_.height) continue;
      const auto wanted = static_cast<std::size_t>((right - left) * pixel_bytes);
      const off_t place = header_.bytes + ((y + row) * header_.width + left) * pixel_bytes;
      std::uint8_t* target = rgb.ptr(row) + (left - x) * pixel_bytes;
      if (::pread(file_, target, wanted, place) != static_cast<ssize_t>(wanted))
        throw Error(path_.string() + ": level 0, x " + std::to_string(x) + ", y " + std::to_string(y + row) +
                    ": cannot be read: " + std::strerror(errno));
    }
  }

 private:
  const std::filesystem::path path_;
  const Header header_;
  const cv::Scalar background_;
  const int file_;
};

}  // namespace

flowrun::wsi::Slide open_tiny_slide(const std::filesystem::path& path, const std::string& name) {
  const Header header = read_header(path);
  auto facts = std::make_shared<flowrun::wsi::SlideFacts>();
  facts->path = path;
  facts->name = name;
  facts->vendor = "tiny";
  facts->levels = {{header.width, header.height, 1}};
  facts->mpp = header.mpp;
  facts->bounds = cv::Rect2d(0, 0, static_cast<double>(header.width), static_cast<double>(header.height));
  return {std::move(facts), std::make_shared<TinyReader>(path, header, cv::Scalar::all(255))};
}
