// SPDX-License-Identifier: Apache-2.0
#include "history_files.h"

#include "event.h"
#include "nodes/table/table_text.h"

namespace flowrun::torch_nodes {
namespace {

std::string table(const History& history, wsi::TableText::Format format) {
  const std::vector<std::string> columns = history.columns();
  const wsi::TableText text(format, columns);
  std::string out = text.header();
  for (const History::Row& row : history.rows()) {
    std::vector<wsi::TableCell> cells;
    for (const std::string& name : columns) {
      const auto& value = row.at(name);
      if (value.is_null())
        cells.emplace_back(std::nullopt);
      else if (value.is_number_integer())
        cells.emplace_back(value.get<std::int64_t>());
      else if (value.is_number())
        cells.emplace_back(value.get<double>());
      else
        cells.emplace_back(value.get_ref<const std::string&>());
    }
    out += text.row(cells);
  }
  return out;
}

/// "train_loss" -> "train/loss": TensorBoard groups by what is before the slash.
std::string tag_of(const std::string& column) {
  if (column.starts_with("train_")) return "train/" + column.substr(6);
  if (column.starts_with("slide_")) return "validation_slides/" + column.substr(6);
  if (column == "learning_rate") return "train/learning_rate";
  return "validation/" + column;
}

}  // namespace

std::string metrics_csv(const History& history) {
  return table(history, wsi::TableText::Format::csv);
}

std::string metrics_jsonl(const History& history) {
  return table(history, wsi::TableText::Format::jsonl);
}

std::string tensorboard_events(const History& history) {
  std::string out = Event::first();
  for (const History::Row& row : history.rows()) {
    const auto epoch = row.at("epoch").get<std::int64_t>();
    Event event(static_cast<double>(epoch + 1), epoch + 1);
    for (const auto& [column, value] : row.items()) {
      if (!value.is_number() || column == "epoch" || column == "steps") continue;
      event.add(tag_of(column), value.get<float>());
    }
    out += event.record();
  }
  return out;
}

}  // namespace flowrun::torch_nodes
