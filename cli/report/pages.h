// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "cards.h"

namespace flowrun::cli {

/// The pages of a report, of which only one is in memory. Cards come kind by kind.
class Pages {
 public:
  /// `title` and `head` are HTML: what each page is called, and what the first begins with.
  Pages(std::filesystem::path file, std::string title, std::string head);
  /// Throws Error when a page cannot be written, or when there is a file that is no report.
  void add(const Kind& kind, Card card);
  /// Writes the last page and removes those of a longer report before. To be called once.
  void end();

  static constexpr std::size_t most_cards = 2000, most_bytes = 16 << 20;

 private:
  struct Gallery {
    Kind kind;
    std::string cards, rows;
    std::size_t first = 0, count = 0;
  };
  void write(bool last);
  std::filesystem::path page(std::size_t number) const;

  std::filesystem::path file_;
  std::string title_, head_;
  std::vector<Gallery> galleries_;
  std::vector<std::pair<std::string, std::size_t>> seen_;  // cards by kind, on all pages
  std::size_t number_ = 1, cards_ = 0, bytes_ = 0;
};

}  // namespace flowrun::cli
