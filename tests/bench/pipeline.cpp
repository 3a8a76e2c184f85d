// SPDX-License-Identifier: Apache-2.0
// The tile path (read, encode, write) as a graph and written by hand with tbb::parallel_pipeline, on the same
// slide and threads, in turn, both until the tiles are on the disk; and the read path alone against OpenSlide
// and against decoding alone (the floor). usage: bench_pipeline SLIDE THREADS REPETITIONS
#include <fcntl.h>
#include <fmt/format.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <openslide/openslide.h>
#include <turbojpeg.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "cli/large_buffers.h"
#include "nodes/base/out_file.h"
#include "nodes/extract/grid.h"
#include "nodes/image/png.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;

namespace {

constexpr int size = 512;

template <class F>
double seconds(F&& f) {
  const auto before = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
}

double best(std::vector<double> all) {
  return *std::min_element(all.begin(), all.end());
}

/// Tiles are on the disk then, which a graph sees to before a slide is done.
void flush(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0 || ::syncfs(descriptor) != 0) throw std::runtime_error("the disk cannot be waited for");
  ::close(descriptor);
}

void by_hand(const std::string& path, int threads) {
  const test::TemporaryFolder out;
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                  static_cast<std::size_t>(threads));
  const Slide slide = Slide::open(path, "s");
  Grid grid(slide, Sampling::at_level(slide, 0), size, size, Edge::drop);
  struct Read {
    Cell cell;
    cv::Mat pixels;
  };
  tbb::parallel_pipeline(
      static_cast<std::size_t>(2 * threads),
      tbb::make_filter<void, Cell>(tbb::filter_mode::serial_in_order, [&](tbb::flow_control& control) {
        const auto cell = grid.next();
        if (!cell) control.stop();
        return cell.value_or(Cell{});
      }) & tbb::make_filter<Cell, Read>(tbb::filter_mode::parallel, [&](const Cell& cell) {
        Read read{cell, cv::Mat(size, size, CV_8UC3)};
        slide.read(0, cell.column, cell.row, read.pixels);
        return read;
      }) & tbb::make_filter<Read, void>(tbb::filter_mode::parallel, [&](const Read& read) {
        std::vector<std::uint8_t> bytes;
        encode_png(read.pixels, bytes);
        OutFile file(out / fmt::format("s_x{}_y{}.png", read.cell.x, read.cell.y));
        file.write(bytes);
        file.close();
      }));
  flush(out.path());
}

void as_graph(const std::string& path, int threads) {
  const test::TemporaryFolder out;
  const RunResult result = test::run_text(
      fmt::format("flowrun: 1\nmemory: 256 MiB\nthreads: {}\nnodes:\n  slides: {{type: read, path: \"{}\"}}\n"
                  "  tiles: {{type: extract, from: slides, size: {}}}\n  files: {{type: save, from: tiles, "
                  "dir: \"{}\"}}\n",
                  threads, path, size, out.path().string()));
  if (result.exit != Exit::done) throw std::runtime_error("the graph failed");
}

template <class Read>
double tiles_per_second(const Slide& slide, Read&& read) {
  int tiles = 0;
  Grid grid(slide, Sampling::at_level(slide, 0), size, size, Edge::drop);
  const double time = seconds([&] {
    for (; const auto cell = grid.next(); ++tiles) read(*cell);
  });
  return tiles / time;
}

/// Each of the file's own tiles decoded once and nothing else, in tiles of `size` by area: JPEG by
/// libjpeg-turbo from memory, other slides through the reader.
double floor_rate(const Slide& slide) {
  const Level& level = slide.level(0);
  cv::Mat own(level.tile_height, level.tile_width, CV_8UC3);
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), &tjDestroy);
  std::vector<std::uint8_t> jpeg;
  int count = 0;
  double time = 0;
  for (std::int64_t y = 0; y + level.tile_height <= level.height; y += level.tile_height)
    for (std::int64_t x = 0; x + level.tile_width <= level.width; x += level.tile_width, ++count)
      if (slide.copy_jpeg_tile(0, x, y, level.tile_width, jpeg))
        time += seconds([&] {
          tjDecompress2(decoder.get(), jpeg.data(), jpeg.size(), own.data, own.cols, 0, own.rows, TJPF_RGB,
                        0);
        });
      else
        time += seconds([&] { slide.read(0, x, y, own); });
  return static_cast<double>(count) * level.tile_width * level.tile_height / (size * size) / time;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return fmt::print(stderr, "usage: bench_pipeline SLIDE THREADS REPETITIONS\n"), 2;
  cli::give_large_buffers_back();  // as the program does
  const std::string path = std::filesystem::absolute(argv[1]);
  const int threads = std::stoi(argv[2]), repetitions = std::stoi(argv[3]);
  std::vector<double> graph, hand, read, floor, openslide;
  for (int i = 0; i < repetitions; ++i) {
    ::sync();  // neither pays for what was written before it
    graph.push_back(seconds([&] { as_graph(path, threads); }));
    ::sync();
    hand.push_back(seconds([&] { by_hand(path, threads); }));
    const Slide slide = Slide::open(path, "s"), fresh = Slide::open(path, "s");
    cv::Mat rgb(size, size, CV_8UC3);
    read.push_back(1 / tiles_per_second(slide, [&](const Cell& c) { slide.read(0, c.column, c.row, rgb); }));
    floor.push_back(1 / floor_rate(fresh));
    const std::unique_ptr<openslide_t, void (*)(openslide_t*)> handle(openslide_open(path.c_str()),
                                                                      openslide_close);
    std::vector<std::uint32_t> argb(static_cast<std::size_t>(size) * size);
    openslide.push_back(1 / tiles_per_second(slide, [&](const Cell& c) {
                          openslide_read_region(handle.get(), argb.data(), c.x, c.y, 0, size, size);
                        }));
  }
  fmt::print("graph against parallel_pipeline, {} threads      {:6.1f} %\n", threads,
             100 * best(hand) / best(graph));
  fmt::print("read path, one thread                       {:7.1f} tiles/s\n", 1 / best(read));
  fmt::print("  share of decoding alone (the floor)       {:7.1f} %\n", 100 * best(floor) / best(read));
  fmt::print("  against OpenSlide's read_region           {:7.1f} x\n", best(openslide) / best(read));
  return 0;
}
