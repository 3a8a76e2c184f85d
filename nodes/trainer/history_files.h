// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "history.h"

namespace flowrun::torch_nodes {

/// A table of epochs as CSV, and as JSON Lines.
std::string metrics_csv(const History& history);
std::string metrics_jsonl(const History& history);

/// An event file of TensorBoard with a number for each epoch and column: records of length, masked CRC-32C of
/// it, the event, masked CRC-32C of it (tensorflow/core/lib/io/record_writer.h). So that the same training
/// gives the same bytes, its clock shows a second an epoch.
std::string tensorboard_events(const History& history);

/// Draws loss and metrics over epochs as a PNG or an SVG, by the file's extension. Thread-safe.
void draw_curves(const History& history, const std::filesystem::path& file);

}  // namespace flowrun::torch_nodes
