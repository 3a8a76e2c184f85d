// SPDX-License-Identifier: Apache-2.0
#include "stain_method.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <opencv2/core.hpp>

#include "concentrations.h"
#include "density_map.h"
#include "macenko.h"
#include "nodes/image/image_file.h"
#include "tissue.h"

namespace flowrun::wsi {

std::size_t StainMethod::scratch(std::size_t picture) const {
  constexpr std::size_t tables = std::size_t{72} << 10;
  const std::string measured = measured_tissue();
  if (measured == "luminosity") return tables + picture;
  if (measured != "otsu") return tables;
  const std::size_t plane = otsu_tissue_plane(picture / 3);
  return tables + std::max(3 * plane, plane + picture);
}

const MethodDetails& StainMethod::details() const {
  const MethodDetails* const found = find_details(like.value_or(""), method);
  return found ? *found : *find_details("", method);
}

const MethodDetails& StainMethod::lab_details() const {
  const MethodDetails* const found = find_details(like.value_or(""), "reinhard");
  return found ? *found : details();
}

Densitometry StainMethod::light() const {
  const MethodDetails& theirs = details();
  return {io.value_or(theirs.io), beta.value_or(theirs.beta), plus_one.value_or(theirs.plus_one)};
}

LabSpace StainMethod::lab_space() const {
  return wsi::lab_space(space.value_or(lab_details().space));
}

void StainMethod::prepare() {
  if (like && !find_details(*like, method))
    throw OptionError("like", fmt::format("method {} is not known as {} has it", method, *like),
                      fmt::format("method: {}, or without like", methods_like(*like)));
  check_like("space", space, std::string(lab_details().space));
  check_like("tissue", tissue, std::string(details().tissue));
  check_like("residual", residual, std::string(details().residual));
  check_like("io", io, details().io);
  check_like("beta", beta, details().beta);
  check_like("alpha", alpha, details().alpha);
  check_like("plus_one", plus_one, details().plus_one);
  const std::string measured = measured_tissue();
  if (method == "ruifrok" && measured != "stained")
    throw OptionError("tissue",
                      "'tissue' means nothing to method ruifrok, whose amounts are those of all pixels",
                      "no tissue");
  if (method != "reinhard" && measured == "all")
    throw OptionError("tissue", fmt::format("method {} finds no stain in glass", method),
                      "tissue: stained, luminosity or otsu");
  if (method == "reinhard" && residual)
    throw OptionError("residual", "'residual' means nothing to method reinhard, which finds no stains",
                      "no residual");
  read_matrix();
}

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

std::optional<Stains> StainMethod::found_in(const cv::Mat& measured, const Densitometry& light) const {
  const double precision = exact ? exact_tolerance : fast_tolerance;
  if (method == "vahadane")
    return fit_vahadane(measured, light, {sparsity, tolerance, max_rounds}, precision);
  auto found = fit_macenko(measured, light, alpha.value_or(details().alpha), precision);
  if (found && details().nearest) found = ordered_as(ruifrok_stains_of_two_digits(), *found);
  return found;
}

std::optional<Stains> StainMethod::stains_of(const cv::Mat& rgb) const {
  auto stains = without_residual(rgb);
  if (!stains || !scales_residual()) return stains;
  // Exactly: the residual is small, and what it is scaled by a quotient of such maxima.
  stains->residual = maximum_residual(rgb, stains->matrix, light(), rougher_concentrations * exact_tolerance);
  return usable(*stains) ? stains : std::nullopt;
}

std::optional<Stains> StainMethod::without_residual(const cv::Mat& rgb) const {
  const Densitometry light = this->light();
  const bool dark = measured_tissue() == "luminosity", otsu = measured_tissue() == "otsu";
  if (method != "ruifrok" && !dark && !otsu) return found_in(rgb, light);
  const StainedMoments moments = stained_moments(rgb, light);
  const bool one_colour = cv::trace(moments.spread) == 0;
  if (one_colour || !is_measurable(moments, rgb.total(), light)) return {};
  Stains stains{given_.value_or(details().two_digits ? ruifrok_stains_of_two_digits() : ruifrok_stains()),
                {1, 1}};
  if (dark || otsu) {
    Densitometry any = light;
    any.beta = std::numeric_limits<double>::lowest();
    const auto found =
        dark ? found_in(dark_pixels(rgb), any) : found_in(pixels_in(otsu_tissue(rgb), rgb), light);
    if (!found) return {};
    stains.matrix = found->matrix;
  }
  const double precision = exact ? exact_tolerance : fast_tolerance;
  stains.maxima = maximum_concentrations(rgb, stains.matrix, light, rougher_concentrations * precision);
  return usable(stains) ? std::optional(stains) : std::nullopt;
}

std::optional<LabMoments> StainMethod::lab_of(const cv::Mat& rgb) const {
  const std::string measured = like ? lab_details().tissue : tissue.value_or(lab_details().tissue);
  if (measured != "luminosity" && measured != "otsu")
    return lab_moments(rgb, light(), lab_space(), measured == "all" ? Measured::all : Measured::stained);
  if (!is_measurable(stained_moments(rgb, light()), rgb.total(), light())) return {};
  return lab_moments(measured == "otsu" ? pixels_in(otsu_tissue(rgb), rgb) : dark_pixels(rgb), light(),
                     lab_space(), Measured::all);
}

StainReport StainMethod::target(const std::filesystem::path& file) const {
  const std::string kind = picture_kind(file);
  if (kind.empty()) {
    const StainsFile stains = StainsFile::read(file);
    if (stains.io != light().io)
      throw Error(fmt::format("{}: its stains are relative to io {}, not {}; give io: {}", file.string(),
                              stains.io, light().io, stains.io));
    if (stains.plus_one != light().plus_one)
      throw Error(fmt::format("{}: its densities are those of plus_one: {}; give plus_one: {}", file.string(),
                              stains.plus_one, stains.plus_one));
    if (const LabSpace found = stains.report.lab.space; method == "reinhard" && found != lab_space())
      throw Error(fmt::format(
          "{}: its moments are of the space {}, not {}; give space: {}, or fit_stains "
          "space: {}",
          file.string(), name_of(found), name_of(lab_space()), name_of(found), name_of(lab_space())));
    if (scales_residual() && !stains.report.stains.residual)
      throw Error(
          fmt::format("{}: does not say how much residual its stains leave; give fit_stains residual: scale",
                      file.string()));
    return stains.report;
  }
  if (kind != "PNG" && kind != "JPEG")
    throw Error(fmt::format(
        "{}: is a {} file; expected a picture as PNG or JPEG, or a stains.yaml, as fit_stains makes "
        "them of slides",
        file.string(), kind));
  const cv::Mat rgb = pixels_of(file);
  if (rgb.empty()) throw Error(fmt::format("{}: has no opaque pixel", file.string()));
  const auto stains = stains_of(rgb);
  const auto lab = lab_of(rgb);
  if (method == "reinhard" ? !lab : !stains)
    throw Error(fmt::format("{}: shows no stains that could be told apart", file.string()));
  return {stains.value_or(published_stains()), lab.value_or(published_lab_moments())};
}

cv::Mat StainMethod::pixels_of(const std::filesystem::path& file) const {
  return measured_tissue() == "otsu" ? read_image_file(file) : read_opaque_pixels(file);
}

std::optional<StainReport> StainMethod::start_of(const cv::Mat& rgb) const {
  if (rgb.empty()) return {};
  StainReport start;
  if (method == "reinhard") {
    const auto lab = lab_of(rgb);
    if (!lab) return {};
    start.lab = *lab;
  } else {
    const auto stains = stains_of(rgb);
    if (!stains) return {};
    start.stains = *stains;
  }
  return start;
}

std::function<void(cv::Mat&)> StainMethod::change(const StainReport& from, const StainReport& target) const {
  if (method == "reinhard")
    return [transfer = LabTransfer(from.lab, target.lab, details().cut_z)](cv::Mat& pixels) {
      transfer.apply(pixels);
    };
  return stain_change(from.stains, target.stains, light());
}

std::function<void(cv::Mat&)> stain_change(const Stains& from, const Stains& to, const Densitometry& light) {
  const cv::Matx22d scale(to.maxima[0] / from.maxima[0], 0, 0, to.maxima[1] / from.maxima[1]);
  cv::Matx33d change = to.matrix * scale * unmixing(from.matrix);
  if (from.residual && to.residual)
    change +=
        residual_direction(to.matrix) * (*to.residual / *from.residual) * residual_direction(from.matrix).t();
  // Without rounding to the nearest, as the authors' code and its translations to NumPy have it.
  return [map = DensityMap(change, {}, light.io, 0, light.plus_one)](cv::Mat& rgb) { map.apply(rgb); };
}

}  // namespace flowrun::wsi
