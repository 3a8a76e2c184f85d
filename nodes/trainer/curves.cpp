// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "history_files.h"
#include "picture.h"

namespace flowrun::torch_nodes {
namespace {

struct Curve {
  const char* column;
  const char* name;
  int colour;  // of PLplot's map 0
};

bool has(const History::Row& row, const char* column) {
  const auto value = row.find(column);
  return value != row.end() && value->is_number();
}

void draw_panel(plstream& picture, const History& history, const std::string& title,
                const std::vector<Curve>& curves, double most) {
  double highest = most;
  for (const Curve& curve : curves)
    for (const auto& row : history.rows())
      if (most == 0 && has(row, curve.column)) highest = std::max(highest, row[curve.column].get<double>());
  const auto last = static_cast<double>(std::max<std::size_t>(2, history.rows().size()));
  picture.col0(1);
  picture.env(1, last, 0, highest > 0 ? highest * 1.02 : 1, 0, 0);
  picture.lab("epoch", "", title.c_str());
  double below = 2;
  for (const Curve& curve : curves) {
    std::vector<double> x, y;
    for (const auto& row : history.rows())
      if (has(row, curve.column)) {
        x.push_back(row["epoch"].get<double>() + 1);
        y.push_back(row[curve.column].get<double>());
      }
    picture.col0(curve.colour);
    if (!x.empty()) picture.line(static_cast<PLINT>(x.size()), x.data(), y.data());
    if (!x.empty()) picture.poin(static_cast<PLINT>(x.size()), x.data(), y.data(), 17);
    picture.mtex("t", -below, 0.97, 1, curve.name);
    below += 1.6;
  }
}

}  // namespace

void draw_curves(const History& history, const std::filesystem::path& file) {
  draw_picture(file, 1200, 500, 2, [&](plstream& picture) {
    draw_panel(picture, history, "loss", {{"train_loss", "training", 2}, {"loss", "validation", 3}}, 0);
    if (const auto columns = history.columns(); std::ranges::find(columns, "mae") != columns.end())
      draw_panel(picture, history, "validation", {{"mae", "MAE", 2}, {"rmse", "RMSE", 3}}, 0);
    else if (std::ranges::find(columns, "f1") != columns.end())
      draw_panel(picture, history, "validation",
                 {{"auc", "AUC", 2}, {"accuracy", "accuracy", 3}, {"f1", "F1", 4}}, 1);
    else
      draw_panel(
          picture, history, "validation",
          {{"auc", "AUC", 2}, {"accuracy", "accuracy", 3}, {"average_precision", "average precision", 4}}, 1);
  });
}

}  // namespace flowrun::torch_nodes
