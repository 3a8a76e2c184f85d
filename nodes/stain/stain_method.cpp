// SPDX-License-Identifier: Apache-2.0
#include "stain_method.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <opencv2/core.hpp>

#include "concentrations.h"
#include "density_map.h"
#include "macenko.h"
#include "nodes/image/image_file.h"

namespace flowrun::wsi {

void StainMethod::read_matrix() {
  if (!matrix) return;
  if (method != "ruifrok")
    throw OptionError("matrix", fmt::format("'matrix' means nothing to method {}, which finds it", method),
                      "method: ruifrok, or no matrix");
  try {
    given_ = of_unit_length(StainsFile::read(*matrix).report.stains.matrix);
  } catch (const Error& problem) {
    throw OptionError("matrix", problem.what());
  }
}

std::optional<Stains> StainMethod::stains_of(const cv::Mat& rgb) const {
  const double precision = exact ? exact_tolerance : fast_tolerance;
  if (method == "ruifrok") {
    const StainedMoments moments = stained_moments(rgb, light());
    const bool one_colour = cv::trace(moments.spread) == 0;
    if (one_colour || !is_measurable(moments, rgb.total(), light())) return {};
    const Stains stains{given_,
                        maximum_concentrations(rgb, given_, light(), rougher_concentrations * precision)};
    return usable(stains) ? std::optional(stains) : std::nullopt;
  }
  if (method == "vahadane") return fit_vahadane(rgb, light(), {sparsity, tolerance, max_rounds}, precision);
  return fit_macenko(rgb, light(), alpha, precision);
}

StainReport StainMethod::target(const std::filesystem::path& file) const {
  const std::string kind = picture_kind(file);
  if (kind.empty()) {
    const StainsFile stains = StainsFile::read(file);
    if (stains.io != io)
      throw Error(fmt::format("{}: its stains are relative to io {}, not {}; give io: {}", file.string(),
                              stains.io, io, stains.io));
    return stains.report;
  }
  if (kind != "PNG" && kind != "JPEG")
    throw Error(fmt::format(
        "{}: is a {} file; expected a picture as PNG or JPEG, or a stains.yaml, as fit_stains makes "
        "them of slides",
        file.string(), kind));
  const cv::Mat rgb = read_opaque_pixels(file);
  if (rgb.empty()) throw Error(fmt::format("{}: has no opaque pixel", file.string()));
  const auto stains = stains_of(rgb);
  const auto lab = lab_moments(rgb, light());
  if (method == "reinhard" ? !lab : !stains)
    throw Error(fmt::format("{}: shows no stains that could be told apart", file.string()));
  return {stains.value_or(published_stains()), lab.value_or(published_lab_moments())};
}

std::function<void(cv::Mat&)> StainMethod::change(const cv::Mat& rgb, const StainReport& target) const {
  if (rgb.empty()) return {};
  if (method == "reinhard") {
    const auto lab = lab_moments(rgb, light());
    if (!lab) return {};
    return [transfer = LabTransfer(*lab, target.lab)](cv::Mat& pixels) { transfer.apply(pixels); };
  }
  const auto stains = stains_of(rgb);
  if (!stains) return {};
  return stain_change(*stains, target.stains, io);
}

std::function<void(cv::Mat&)> stain_change(const Stains& from, const Stains& to, double io) {
  const cv::Matx22d scale(to.maxima[0] / from.maxima[0], 0, 0, to.maxima[1] / from.maxima[1]);
  // Without rounding to the nearest, as the authors' code and its translations to NumPy have it.
  return [map = DensityMap(to.matrix * scale * unmixing(from.matrix), {}, io, 0)](cv::Mat& rgb) {
    map.apply(rgb);
  };
}

}  // namespace flowrun::wsi
