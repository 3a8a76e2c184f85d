// SPDX-License-Identifier: Apache-2.0
#include "history_files.h"

#include <boost/crc.hpp>
#include <cmath>

#include "nodes/table/table_text.h"
#include "train/event.pb.h"

namespace flowrun::torch_nodes {
namespace {

std::string table(const History& history, wsi::TableText::Format format) {
  const wsi::TableText text(format, History::columns());
  std::string out = text.header();
  for (const History::Row& row : history.rows()) {
    std::vector<wsi::TableCell> cells;
    for (const std::string& name : History::columns()) {
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

std::uint32_t masked_crc(const std::string& data) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;  // CRC-32C
  crc.process_bytes(data.data(), data.size());
  const std::uint32_t value = crc.checksum();
  return ((value >> 15) | (value << 17)) + 0xa282ead8u;
}

template <class T>
std::string little_endian(T value) {
  std::string out;
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

std::string record(const tensorboard::Event& event) {
  const std::string data = event.SerializeAsString();
  const std::string length = little_endian(static_cast<std::uint64_t>(data.size()));
  return length + little_endian(masked_crc(length)) + data + little_endian(masked_crc(data));
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
  tensorboard::Event event;
  event.set_file_version("brain.Event:2");
  std::string out = record(event);
  for (const History::Row& row : history.rows()) {
    event.Clear();
    const auto epoch = row.at("epoch").get<std::int64_t>();
    event.set_step(epoch + 1);
    event.set_wall_time(static_cast<double>(epoch + 1));
    for (const auto& [column, value] : row.items()) {
      if (!value.is_number() || column == "epoch" || column == "steps") continue;
      auto& number = *event.mutable_summary()->add_value();
      number.set_tag(tag_of(column));
      number.set_simple_value(value.get<float>());
    }
    out += record(event);
  }
  return out;
}

}  // namespace flowrun::torch_nodes
