// SPDX-License-Identifier: Apache-2.0
#include "reported_stains.h"

#include <flowrun/report.h>

#include <array>
#include <string>

namespace flowrun::wsi {
namespace {

const std::array<std::string, 2> names{"hematoxylin", "eosin"};
constexpr double most_shown = 4;  // of maxima; usual slides have 0.5 to 2

}  // namespace

void report_slide(const Stains& stains, Outputs& out) {
  for (int i = 0; const std::string& stain : names) {
    out.report(report::Quantity{stain + " maximum", stains.maxima[i]});
    out.report(report::Quantity{stain + " red", stains.matrix(0, i), "of its density"});
    out.report(report::Quantity{stain + " blue", stains.matrix(2, i), "of its density"});
    ++i;
  }
}

void report_slide(const LabMoments& lab, Outputs& out) {
  for (int i = 0; const std::string channel : {"lightness", "first colour", "second colour"}) {
    out.report(report::Quantity{channel + " mean", lab.mean[i], name_of(lab.space)});
    out.report(report::Quantity{channel + " deviation", lab.deviation[i], name_of(lab.space)});
    ++i;
  }
}

void report_tile(const Stains& stains, Outputs& out) {
  for (int i = 0; const std::string& stain : names)
    out.report(report::histogram_of(stain + " maximum", "optical density; the last bin has all above", 0,
                                    most_shown, 40, stains.maxima[i++]));
}

}  // namespace flowrun::wsi
