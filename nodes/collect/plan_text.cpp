// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>

#include "journal.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi::collect {
namespace {

using nlohmann::json;

constexpr std::array kinds{"move", "duplicate", "erase", "remove_folder"};

/// Bytes that JSON cannot hold, and %, become %XX.
std::string escaped(const std::string& path) {
  std::string out;
  for (std::size_t at = 0;; ++at) {
    const std::size_t end = path.find('%', at);
    out += printable(path.substr(at, end - at));
    if (end == std::string::npos) return out;
    out += "%25";
    at = end;
  }
}

std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    const std::string digits = text.substr(at + 1, 2);
    unsigned char byte = 0;
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || end.ptr != digits.data() + 2) throw std::invalid_argument("a % without a byte");
    out += static_cast<char>(byte);
    at += 2;
  }
  return out;
}

/// A path that leads out of its folder must never make us move or remove anything.
std::string inner_path(const json& value) {
  std::string path = unescaped(value.get<std::string>());
  const std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
  if (normal.is_absolute() || normal.string() != path || path == "." ||
      (!normal.empty() && *normal.begin() == ".."))
    throw std::invalid_argument("a path leads elsewhere");
  return path;
}

json json_of(const Operation& o) {
  return {kinds[static_cast<std::size_t>(o.kind)],
          o.log ? "logs" : "slides",
          escaped(o.from),
          escaped(o.to),
          o.companion,
          o.mode,
          o.modified,
          o.bytes};
}

Operation operation_from(const json& line) {
  Operation o;
  const auto kind = std::find(kinds.begin(), kinds.end(), line.at(0).get<std::string>());
  if (kind == kinds.end()) throw std::invalid_argument("an unknown step");
  o.kind = static_cast<Operation::Kind>(kind - kinds.begin());
  o.log = line.at(1).get<std::string>() == "logs";
  o.from = inner_path(line.at(2));
  o.to = inner_path(line.at(3));
  o.companion = line.at(4).get<bool>();
  o.mode = line.at(5).get<unsigned>();
  o.modified = line.at(6).get<std::int64_t>();
  o.bytes = line.at(7).get<std::uint64_t>();
  return o;
}

}  // namespace

std::string to_text(const Plan& plan) {
  json made = json::array();
  for (const auto& folder : plan.made) made.push_back(escaped(folder.string()));
  const json head{{"flowrun_collect", 1},
                  {"source", escaped(plan.source.string())},
                  {"slides", escaped(plan.slides.string())},
                  {"logs", escaped(plan.logs.string())},
                  {"made", made},
                  {"steps", plan.operations.size()}};
  std::string text = head.dump() + "\n";
  for (const Operation& operation : plan.operations) text += json_of(operation).dump() + "\n";
  return text;
}

Plan plan_from(const std::string& text) {
  try {
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    const json head = json::parse(line);
    if (head.at("flowrun_collect") != 1) throw std::invalid_argument("of another version of flowrun");
    const auto path = [&](const char* key) {
      return std::filesystem::path(unescaped(head.at(key).get<std::string>()));
    };
    Plan plan{path("source"), path("slides"), path("logs")};
    for (const json& folder : head.at("made")) plan.made.emplace_back(unescaped(folder.get<std::string>()));
    while (std::getline(lines, line)) plan.operations.push_back(operation_from(json::parse(line)));
    if (plan.operations.size() != head.at("steps")) throw std::invalid_argument("lines are missing");
    return plan;
  } catch (const json::exception&) {
    throw Error("is no plan of flowrun collect");
  } catch (const std::logic_error& problem) {
    throw Error(fmt::format("is no plan of flowrun collect: {}", problem.what()));
  }
}

}  // namespace flowrun::wsi::collect
