// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <fmt/format.h>
#include <plplot/plstream.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <mutex>
#include <regex>

#include "history_files.h"
#include "nodes/base/out_file.h"

namespace flowrun::torch_nodes {
namespace {

struct Curve {
  const char* column;
  const char* name;
  int colour;  // of PLplot's map 0
};

class Picture {
 public:
  explicit Picture(const std::filesystem::path& file) : file_(file) {
    picture_.sdev(file.extension() == ".svg" ? "svgcairo" : "pngcairo");
    picture_.sfnam(file.c_str());
    picture_.spage(0, 0, 1200, 500, 0, 0);
    picture_.scolbg(255, 255, 255);
    picture_.scol0(1, 40, 40, 40);
    picture_.scol0(2, 31, 119, 180);
    picture_.scol0(3, 214, 39, 40);
    picture_.scol0(4, 44, 160, 44);
    picture_.ssub(2, 1);
    picture_.init();
  }

  void draw(const History& history, const std::string& title, const std::vector<Curve>& curves, double most) {
    double highest = most;
    for (const Curve& curve : curves)
      for (const auto& row : history.rows())
        if (most == 0 && has(row, curve.column)) highest = std::max(highest, row[curve.column].get<double>());
    const auto last = static_cast<double>(std::max<std::size_t>(2, history.rows().size()));
    picture_.col0(1);
    picture_.env(1, last, 0, highest > 0 ? highest * 1.02 : 1, 0, 0);
    picture_.lab("epoch", "", title.c_str());
    double below = 2;
    for (const Curve& curve : curves) {
      std::vector<double> x, y;
      for (const auto& row : history.rows())
        if (has(row, curve.column)) {
          x.push_back(row["epoch"].get<double>() + 1);
          y.push_back(row[curve.column].get<double>());
        }
      picture_.col0(curve.colour);
      if (!x.empty()) picture_.line(static_cast<PLINT>(x.size()), x.data(), y.data());
      if (!x.empty()) picture_.poin(static_cast<PLINT>(x.size()), x.data(), y.data(), 17);
      picture_.mtex("t", -below, 0.97, 1, curve.name);
      below += 1.6;
    }
  }

 private:
  static bool has(const History::Row& row, const char* column) {
    const auto value = row.find(column);
    return value != row.end() && value->is_number();
  }

  std::filesystem::path file_;
  plstream picture_;
};

/// Cairo numbers surfaces by how many the process has made; the same curves shall have the same bytes.
void drop_surface_number(const std::filesystem::path& svg) {
  std::ifstream in(svg, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  static const std::regex numbered("id=\"surface[0-9]+\"");
  wsi::write_file(svg, std::regex_replace(text, numbered, "id=\"surface\""));
}

}  // namespace

void draw_curves(const History& history, const std::filesystem::path& file) {
  {
    // PLplot keeps what it draws in variables of its own, one for the process.
    static std::mutex one_at_a_time;
    const std::scoped_lock lock(one_at_a_time);
    Picture picture(file);
    picture.draw(history, "loss", {{"train_loss", "training", 2}, {"loss", "validation", 3}}, 0);
    if (const auto columns = history.columns(); std::ranges::find(columns, "mae") != columns.end())
      picture.draw(history, "validation", {{"mae", "MAE", 2}, {"rmse", "RMSE", 3}}, 0);
    else if (std::ranges::find(columns, "f1") != columns.end())
      picture.draw(history, "validation", {{"auc", "AUC", 2}, {"accuracy", "accuracy", 3}, {"f1", "F1", 4}},
                   1);
    else
      picture.draw(
          history, "validation",
          {{"auc", "AUC", 2}, {"accuracy", "accuracy", 3}, {"average_precision", "average precision", 4}}, 1);
  }
  std::error_code none;
  if (std::filesystem::file_size(file, none) == 0 || none)
    throw Error(fmt::format(
        "cannot draw {}: PLplot's driver for cairo (plplot-driver-cairo) is not installed, or the "
        "disk is full",
        file.string()));
  if (file.extension() == ".svg") drop_surface_number(file);
}

}  // namespace flowrun::torch_nodes
