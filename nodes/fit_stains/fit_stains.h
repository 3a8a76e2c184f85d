// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cohort.h"
#include "nodes/stain/stain_method.h"

namespace flowrun::wsi {

/// Finds the stains of slides, or of a folder of tiles, and their middle. See describe().
struct FitStains : GatherScopes, StainMethod {
  std::filesystem::path dir;
  std::string statistic = "median";
  std::optional<std::filesystem::path> tiles;
  std::optional<double> mpp;
  int windows = 32;
  std::int64_t seed = 0;

  static void describe(Description<FitStains>& d);
  void plan(Costs& costs) override;
  std::map<std::string, std::string> depends_on(const std::string& slide) const override;
  Action process(Inputs& in, Outputs& out) override;
  Packets finish_run(Inputs& in, Outputs& out) override;

 private:
  std::optional<StainReport> report_of(const cv::Mat& rgb) const;
  struct Cohort {
    std::vector<Member> members;
    std::vector<Error> broken;
  };
  Cohort cohort_of_folder(Outputs& out) const;
  std::vector<Member> members_of_slides(const std::vector<std::string>& slides) const;
  void write(const Scope& scope, const std::vector<Member>& members, const std::string& what) const;
};

}  // namespace flowrun::wsi
