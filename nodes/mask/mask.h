// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// Makes a slide's class mask from annotations. See describe().
struct AnnotationMask : Map {
  std::vector<std::filesystem::path> annotations;
  std::string missing = "fail";
  std::map<std::string, int> classes;
  std::vector<std::string> order;
  std::string other = "ignore";
  std::string origin = "auto";

  static void describe(Description<AnnotationMask>& d);
  void plan(Costs& costs) override;
  CallBytes bytes(const Inputs& in) const override;
  std::map<std::string, std::string> depends_on(const std::string& slide) const override;
  void process(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
