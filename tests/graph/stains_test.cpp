// SPDX-License-Identifier: Apache-2.0
// Stains of a folder of tiles, some of which are no tiles.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgcodecs.hpp>

#include "support.h"

using namespace flowrun;
using namespace flowrun::test;

namespace {

/// Dark blue and pink in all mixtures.
cv::Mat stained() {
  cv::Mat bgr(64, 64, CV_8UC3);
  for (int i = 0; i < 64 * 64; ++i) {
    const double blue = i % 64 / 40.0, pink = i / 64 / 40.0;
    const double od[] = {0.4 * blue + 0.2 * pink + 0.1, 0.7 * blue + 0.9 * pink + 0.1,
                         0.6 * blue + 0.1 * pink + 0.2};
    for (int c = 0; c < 3; ++c)
      bgr.at<cv::Vec3b>(i / 64, i % 64)[c] = cv::saturate_cast<uchar>(240 * std::exp(-od[c]));
  }
  return bgr;
}

RunResult fit(const TemporaryFolder& folder, const char* policy) {
  return run_text(
      fmt::format("flowrun: 1\nnodes:\n  fit: {{type: fit_stains, tiles: {0}/tiles, dir: {0}/{1}, "
                  "on_error: {1}}}\n",
                  folder.path().string(), policy));
}

}  // namespace

TEST_CASE(
    "a broken tile is left out or fails the run, as on_error says, and what is no tile is passed over") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "tiles/more");
  for (const char* const name : {"a.png", "more/b.jpg", "c.png"})
    cv::imwrite(folder / "tiles" / name, stained());
  const std::string whole = read_file(folder / "tiles/a.png");
  write_file(folder / "tiles/cut.png", whole.substr(0, whole.size() / 2));
  write_file(folder / "tiles/empty.PNG", "");
  write_file(folder / "tiles/._a.png", std::string("\0\5\x16\7Mac OS X", 12));
  write_file(folder / "tiles/Thumbs.db", "\xd0\xcf\x11\xe0");
  write_file(folder / "tiles/unnamed", whole);

  const RunResult skipped = fit(folder, "skip");
  CHECK(skipped.exit == Exit::done_with_skips);
  CHECK(skipped.failures.size() == 2);
  for (const char* const name : {"cut.png: broken PNG", "empty.PNG: the file is empty"})
    CHECK(std::ranges::count_if(skipped.failures, [&](const RunFailure& failure) {
            return failure.message.find(name) != std::string::npos;
          }) == 1);
  const std::string table = read_file(folder / "skip/stains.csv");
  CHECK(std::ranges::count(table, '\n') == 5);
  for (const char* const name : {"\na.png,", "\nc.png,", "\nmore/b.jpg,", "\nunnamed,"})
    CHECK(table.find(name) != std::string::npos);
  CHECK(read_file(folder / "skip/stains.yaml").find("of: median of 4 tiles") != std::string::npos);

  CHECK(fit(folder, "fail").exit == Exit::failed);
  CHECK(!std::filesystem::exists(folder / "fail/stains.yaml"));

  for (const char* const name : {"a.png", "more/b.jpg", "c.png", "unnamed"})
    write_file(folder / "tiles" / name, "\x89PNG\r\n\x1a\n");
  const RunResult none = fit(folder, "skip");
  CHECK(none.exit == Exit::failed);
}
