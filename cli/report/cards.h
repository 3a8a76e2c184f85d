// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "findings.h"

namespace flowrun::cli {

/// A scope in the gallery, and its row in the table of numbers below it.
struct Card {
  std::string card, row;
};

/// Of a done scope, the `number`-th of its kind; its figures lie below `folder`, and are shown with at most
/// `side` pixels.
Card card_of(const nlohmann::json& entry, const Kind& kind, std::size_t number,
             const std::filesystem::path& folder, int side);
/// Of one that did not become whole; `summary` has the failures.
Card lost_card_of(const nlohmann::json& line, const Kind& kind, std::size_t number,
                  const nlohmann::json& summary);

/// What a node reported of `of`; nothing of quantities and histograms, which are shown elsewhere.
std::string shown(const nlohmann::json& item, const std::filesystem::path& folder, int side,
                  const std::string& of);
/// A table whose caption says what it is.
std::string table_of(const std::string& caption, const nlohmann::json& columns, const nlohmann::json& rows);

}  // namespace flowrun::cli
