#include "@name@.h"

#include <flowrun/testing.h>
#include <flowrun/wsi/testing.h>

using flowrun::testing::expect;
using flowrun::testing::fake_slide;
using flowrun::testing::fake_tile;

int main() {
  cv::Mat picture(20, 40, CV_8UC3, cv::Scalar(250, 240, 245));  // glass; tissue in the left half
  picture.colRange(0, 20).setTo(cv::Scalar(180, 100, 160));
  const flowrun::wsi::Slide slide = fake_slide(picture);

  flowrun::testing::NodeRunner<@Name@> runner;
  runner.option("max_brightness", "200");
  runner.input("tile", fake_tile(slide, 0, 0, 20)).process().expect_emitted("tile", 1);
  runner.input("tile", fake_tile(slide, 20, 0, 20)).process().expect_emitted("tile", 1);
  expect(runner.drop_reasons() == std::vector<std::string>{"bright"}, "glass is dropped because it is bright");
}
