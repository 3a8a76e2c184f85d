// SPDX-License-Identifier: Apache-2.0
#include "pages.h"

#include <flowrun/error.h>
#include <flowrun/version.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "html.h"
#include "output/files.h"
#include "report_assets.h"
#include "sections.h"

namespace flowrun::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view mark = "<!DOCTYPE html>\n<!-- A report by flowrun -->\n";

bool is_report(const fs::path& file) {
  std::string begin(mark.size(), '\0');
  std::ifstream in(file, std::ios::binary);
  in.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  return in && begin == mark;
}

/// What a Content-Security-Policy calls a script or a style by.
std::string source_of(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return "'sha256-" + base64(bytes) + "'";
}

std::string begin_of(const std::string& title) {
  return fmt::format(
      "{}<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "{}; "
      "script-src {}; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title>\n"
      "<link rel=\"icon\" href=\"data:,\">\n<style>{}</style></head><body>\n"
      "<a class=\"skip\" href=\"#main\">To the content</a>\n<header><h1>{}</h1></header>\n<main "
      "id=\"main\">\n",
      mark, source_of(report_css_hash), source_of(report_js_hash), title, report_css, title);
}

std::string options_of(const std::vector<std::pair<std::string, std::string>>& options) {
  std::string out;
  for (const auto& [value, text] : options)
    out += fmt::format(R"(<option value="{}">{}</option>)", escaped(value), escaped(text));
  return out;
}

std::string controls_of(const Kind& kind) {
  std::vector<std::pair<std::string, std::string>> sorts{
      {"place", "failures first"}, {"name", "name"}, {"status", "status"}};
  for (std::size_t i = 0; i < kind.columns.size(); ++i)
    sorts.emplace_back(std::to_string(i), kind.columns[i].title());
  std::vector<std::pair<std::string, std::string>> figures{{"", "all"}};
  for (const std::string& title : kind.figures) figures.emplace_back(title, title);
  const std::string pictures =
      kind.figures.size() < 2
          ? ""
          : fmt::format(R"(<label>Pictures <select name="figure">{}</select></label>)", options_of(figures));
  return fmt::format(
      R"(<div class="controls" hidden><label>Name has <input type="search" name="search"></label>)"
      R"(<label>Status <select name="status">{}</select></label>)"
      R"(<label>Sort by <select name="sort">{}</select></label>)"
      R"(<label><input type="checkbox" name="descending"> descending</label>)"
      R"(<label><input type="checkbox" name="outliers"> only outliers</label>)"
      R"(<label><input type="checkbox" name="notes"> only with notes</label>)"
      R"(<label><input type="checkbox" name="failures"> only failures</label>{}<output></output></div>)"
      "\n",
      options_of({{"", "any"},
                  {"done", "done"},
                  {"failed", "failed"},
                  {"left out", "left out"},
                  {"interrupted", "interrupted"}}),
      options_of(sorts), pictures);
}

}  // namespace

Pages::Pages(fs::path file, std::string title, std::string head)
    : file_(std::move(file)), title_(std::move(title)), head_(std::move(head)) {}

fs::path Pages::page(std::size_t number) const {
  if (number == 1) return file_;
  return file_.parent_path() /
         fmt::format("{}-{}{}", file_.stem().string(), number, file_.extension().string());
}

void Pages::add(const Kind& kind, Card card) {
  const std::size_t bytes = card.card.size() + card.row.size();
  if (cards_ > 0 && (cards_ >= most_cards || bytes_ + bytes > most_bytes)) write(false);
  const auto same = [&](const auto& each) { return each.first == kind.name; };
  auto seen = std::ranges::find_if(seen_, same);
  if (seen == seen_.end()) seen = seen_.insert(seen_.end(), {kind.name, 0});
  auto gallery =
      std::ranges::find_if(galleries_, [&](const Gallery& each) { return each.kind.name == kind.name; });
  if (gallery == galleries_.end())
    gallery = galleries_.insert(
        galleries_.end(),
        Gallery{{kind.name, kind.successive, kind.done, kind.columns, kind.figures}, "", "", seen->second});
  ++seen->second;
  ++gallery->count;
  gallery->cards += card.card;
  gallery->rows += card.row;
  ++cards_;
  bytes_ += bytes;
}

void Pages::write(bool last) {
  std::string out = begin_of(number_ == 1 ? title_ : fmt::format("{}, page {}", title_, number_));
  if (number_ == 1) out += head_;
  for (const Gallery& gallery : galleries_) {
    const std::string kinds = escaped(plural(gallery.kind.name));
    const bool whole = last && gallery.first == 0;
    out += fmt::format("<section class=\"gallery\" id=\"{0}\"><h2>{1}{0}</h2>\n", kinds,
                       whole ? fmt::format("{} ", gallery.count)
                             : fmt::format("{} to {} of the ", in_groups(gallery.first + 1),
                                           in_groups(gallery.first + gallery.count)));
    if (!whole) out += "<p>Filters and sorting work within this page.</p>\n";
    out += controls_of(gallery.kind) + "<ol class=\"scopes\">\n" + gallery.cards + "</ol>\n";
    if (!gallery.kind.columns.empty()) {
      out += fmt::format(
          "<div class=\"scroll\"><table class=\"values\"><caption>Numbers of the {}</caption><thead><tr>"
          "<th scope=\"col\">name</th><th scope=\"col\">status</th>",
          kinds);
      for (const Column& column : gallery.kind.columns)
        out += fmt::format("<th scope=\"col\" class=\"n\">{}</th>", escaped(column.title()));
      out += "</tr></thead><tbody>\n" + gallery.rows + "</tbody></table></div>\n";
    }
    out += "</section>\n";
  }
  const auto link = [&](std::size_t number, const char* word) {
    return fmt::format("<li><a href=\"{}\">{}</a></li>", escaped(page(number).filename().string()), word);
  };
  const std::string links =
      (number_ > 1 ? link(number_ - 1, "Page before") : "") + (last ? "" : link(number_ + 1, "Next page"));
  if (!links.empty()) out += "<nav aria-label=\"Pages\"><ul>" + links + "</ul></nav>\n";
  out +=
      fmt::format("</main><footer><p>Made by flowrun {}.</p></footer>\n<script>{}</script></body></html>\n",
                  FLOWRUN_VERSION, report_js);
  const fs::path file = page(number_);
  if (stands(file) && !is_report(file))
    throw Error(
        fmt::format("{}: is no report, so it is not replaced: move it away, or say --output", file.string()));
  write_whole(file, out);
  ++number_;
  galleries_.clear();
  cards_ = bytes_ = 0;
}

void Pages::end() {
  write(true);
  for (; is_report(page(number_)); ++number_) remove_or_throw(page(number_));
  sync_folder(file_.has_parent_path() ? file_.parent_path() : ".");
}

}  // namespace flowrun::cli
