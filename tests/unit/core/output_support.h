// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/error.h>

#include <string>
#include <utility>
#include <vector>

#include "output/output_folders.h"
#include "output/publication.h"
#include "support.h"

namespace flowrun::test {

using Contents = std::vector<std::pair<std::string, std::string>>;  // unit, text

inline void stage_all(OutputFolder& folder, const std::string& scope, const Contents& contents,
                      const std::string& node = "save") {
  for (const auto& [unit, text] : contents) write_file(folder.stage(scope, unit, node), text);
}

/// What went wrong, empty when nothing did.
inline std::string said(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const Error& problem) {
    return problem.what();
  }
  return {};
}

template <class F>
std::string said_by(F&& f) {
  try {
    f();
  } catch (...) {
    return said(std::current_exception());
  }
  return {};
}

inline std::string publish_one(const std::string& scope, const std::vector<OutputFolder*>& folders,
                               const nlohmann::json& entry = {{"made", "by a test"}}) {
  return said(publish({{scope, folders, entry}}).front());
}

inline std::vector<std::string> outputs_of(const OutputFolder& folder, const std::string& scope) {
  const nlohmann::json entry = folder.entry(scope);
  return entry.is_object() ? entry.at("outputs").get<std::vector<std::string>>()
                           : std::vector<std::string>{"not done"};
}

/// The journal's temporary files.
inline std::vector<std::string> left_in(const std::filesystem::path& folder) {
  std::vector<std::string> left;
  for (const char* kind : {"staging", "publishing"})
    for (const std::string& name : names_in(folder / ".flowrun" / kind)) left.push_back(name);
  for (const std::string& name : names_in(folder / ".flowrun/done"))
    if (!name.ends_with(".json")) left.push_back(name);
  return left;
}

inline bool contains(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    if (text.find(part) == std::string::npos) return false;
  return true;
}

}  // namespace flowrun::test
