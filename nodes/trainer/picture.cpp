// SPDX-License-Identifier: Apache-2.0
#include "picture.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <mutex>
#include <regex>

#include "nodes/base/out_file.h"

namespace flowrun::torch_nodes {
namespace {

/// Cairo numbers surfaces by how many the process has made; the same picture shall have the same bytes.
void drop_surface_number(const std::filesystem::path& svg) {
  std::ifstream in(svg, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  static const std::regex numbered("id=\"surface[0-9]+\"");
  wsi::write_file(svg, std::regex_replace(text, numbered, "id=\"surface\""));
}

}  // namespace

void draw_picture(const std::filesystem::path& file, int width, int height, int panels,
                  const std::function<void(plstream&)>& draw) {
  {
    // PLplot keeps what it draws in variables of its own, one for the process.
    static std::mutex one_at_a_time;
    const std::scoped_lock lock(one_at_a_time);
    plstream picture;
    picture.sdev(file.extension() == ".svg" ? "svgcairo" : "pngcairo");
    picture.sfnam(file.c_str());
    picture.spage(0, 0, width, height, 0, 0);
    picture.scolbg(255, 255, 255);
    constexpr int colours[1 + curve_colours][3] = {
        {40, 40, 40},    {31, 119, 180}, {214, 39, 40},   {44, 160, 44},  {255, 127, 14},
        {148, 103, 189}, {140, 86, 75},  {227, 119, 194}, {188, 189, 34}, {23, 190, 207}};
    for (int i = 0; i <= curve_colours; ++i)
      picture.scol0(ink + i, colours[i][0], colours[i][1], colours[i][2]);
    picture.ssub(panels, 1);
    picture.init();
    draw(picture);
  }
  std::error_code none;
  if (std::filesystem::file_size(file, none) == 0 || none)
    throw Error(fmt::format(
        "cannot draw {}: PLplot's driver for cairo (plplot-driver-cairo) is not installed, or the "
        "disk is full",
        file.string()));
  if (file.extension() == ".svg") drop_surface_number(file);
}

std::string plain(const std::string& name) {
  std::string out;
  for (const char one : name) out += one == '#' ? "##" : std::string(1, one);
  return out;
}

}  // namespace flowrun::torch_nodes
