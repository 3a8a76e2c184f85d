// SPDX-License-Identifier: Apache-2.0
#include "fit_stains.h"

#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "nodes/base/files_below.h"
#include "nodes/base/out_file.h"
#include "nodes/base/text.h"
#include "nodes/image/image_file.h"
#include "nodes/slide/slide_files.h"
#include "nodes/stain/method_options.h"
#include "nodes/stain/reported_stains.h"
#include "nodes/stain/slide_sample.h"

namespace flowrun::wsi {
namespace {

std::filesystem::path unit_of(const std::string& slide) {
  return std::filesystem::path("slides") / (slide + ".yaml");
}

/// One that cannot be read is a tile, too: then it is said.
bool may_be_image_file(const std::filesystem::path& path) {
  try {
    return is_image_file(path);
  } catch (const Error&) {
    return true;
  }
}

/// What by its name or its content is to be a PNG or JPEG; not what systems hide in folders (._tile.png).
bool is_tile(const std::filesystem::path& path) {
  static constexpr std::string_view suffixes[] = {".png", ".jpg", ".jpeg"};
  const std::string suffix = lower(path.extension().string());
  return path.filename().string().front() != '.' &&
         (std::ranges::find(suffixes, suffix) != std::end(suffixes) || may_be_image_file(path));
}

std::vector<std::filesystem::path> tiles_in(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) throw Error(fmt::format("{}: is no folder", folder.string()));
  std::vector<std::filesystem::path> tiles = files_below(folder);
  std::erase_if(tiles, [](const std::filesystem::path& file) { return !is_tile(file); });
  return tiles;
}

}  // namespace

void FitStains::describe(Description<FitStains>& d) {
  d.summary("Finds the stains of a cohort and writes them as a target for normalize.")
      .details(
          "For each slide the stains are found as normalize with scope slide finds them, and written to "
          "slides/<slide>.yaml in `dir`; with `tiles` instead of slides, for each PNG or JPEG in a folder "
          "and all below it; one that is broken is an error of its own: on_error: skip leaves it out. At the "
          "end of the run stains.yaml has the median or mean of each number, and stains.csv a row for each "
          "slide or tile. All of these YAML files can be the `target` of normalize, with any method: they "
          "hold the stain colours and maxima and the moments that reinhard needs, of the space that `space` "
          "or `like` says, which normalize must be given too; and what the stains leave unexplained, where "
          "`residual` or `like` has it scaled. Slides without stain are left out, and the "
          "summary says so.")
      .example("fit: {type: fit_stains, from: {slide: slides, mask: tissue}, dir: out_stains}")
      .resumes()
      .optional_input<Slide>("slide")
      .optional_input<Mask>("mask");
  d.option("dir", &FitStains::dir, "folder to write to").required().output_folder();
  d.option("statistic", &FitStains::statistic, "what stains.yaml has of the slides")
      .choices({"median", "mean"});
  d.option("tiles", &FitStains::tiles, "folder of tiles, instead of slides");
  d.option("mpp", &FitStains::mpp, "microns per pixel to look at slides with; those of level 0, if not given")
      .above(0);
  d.option("windows", &FitStains::windows, "squares of tissue that a slide's stains are found from")
      .at_least(1)
      .at_most(1024);
  d.option("seed", &FitStains::seed, "which squares").at_least(0);
  describe_method(d, {"macenko", "ruifrok", "vahadane"}, {"histolab", "tiatoolbox", "torchstain"});
}

void FitStains::plan(Costs& costs) {
  if (tiles && (costs.has("slide") || costs.has("mask")))
    throw OptionError("tiles", "stains are found of slides or of a folder of tiles",
                      "tiles, or from: slides");
  if (!tiles && !costs.has("slide"))
    throw Error("there is nothing to find stains of: connect the input slide, or give the option tiles");
  prepare();
  const std::size_t sample = SlideSample{windows}.bytes();
  costs.scratch = sample + scratch(sample);
}

std::map<std::string, std::string> FitStains::depends_on(const std::string&) const {
  std::map<std::string, std::string> all;
  if (matrix) add_identity("matrix", *matrix, all);
  return all;
}

std::optional<StainReport> FitStains::report_of(const cv::Mat& rgb) const {
  if (rgb.empty()) return {};
  const auto stains = stains_of(rgb);
  const auto lab = lab_of(rgb);
  if (!stains || !lab) return {};
  return StainReport{*stains, *lab};
}

Action FitStains::process(Inputs& in, Outputs& out) {
  const Slide& slide = in.get<Slide>("slide");
  const double downsample = mpp ? *mpp / slide.facts().mpp_or_throw() : 1;
  const Mask* const mask = in.has("mask") ? &in.get<Mask>("mask") : nullptr;
  const auto report =
      report_of(sample_tissue(slide, mask, light(), {windows, downsample, static_cast<std::uint64_t>(seed)}));
  if (report) {
    report_slide(report->stains, out);
    write_file(
        in.scope().stage(dir, unit_of(in.scope().name())),
        StainsFile{*report, method, light().io, fmt::format("slide {}", in.scope().name()), light().plus_one}
            .text());
  } else {
    out.note("no stain was found: the slide is left out");
  }
  return {};
}

FitStains::Cohort FitStains::cohort_of_folder(Outputs& out) const {
  Cohort cohort;
  std::size_t without_stain = 0;
  for (const auto& path : tiles_in(*tiles)) try {
      if (const auto report = report_of(pixels_of(path)))
        cohort.members.push_back({path.lexically_relative(*tiles).string(), *report});
      else
        ++without_stain;
    } catch (const Error& problem) {
      cohort.broken.push_back(problem);
    }
  if (without_stain > 0) out.note(fmt::format("{} tiles without stain are left out", without_stain));
  if (cohort.members.empty())
    throw Error(cohort.broken.empty()
                    ? fmt::format("{}: has no PNG or JPEG with stains", tiles->string())
                    : fmt::format("{}: has no PNG or JPEG with stains; {} of them are broken, the first: {}",
                                  tiles->string(), cohort.broken.size(), cohort.broken.front().what()));
  return cohort;
}

std::vector<Member> FitStains::members_of_slides(const std::vector<std::string>& slides) const {
  std::vector<Member> members;
  for (const std::string& slide : slides)
    if (std::filesystem::exists(dir / unit_of(slide)))
      members.push_back({slide, StainsFile::read(dir / unit_of(slide)).report});
  return members;
}

Packets FitStains::finish_run(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return {};
  const Cohort cohort = tiles ? cohort_of_folder(out) : Cohort{members_of_slides(in.done_scopes()), {}};
  if (!cohort.members.empty()) write(in.scope(), cohort.members, tiles ? "tile" : "slide");
  // Each broken tile is an error of its own, dealt with as on_error says.
  return {cohort.broken.size(),
          [broken = cohort.broken](std::uint64_t i, Outputs&) { throw broken[static_cast<std::size_t>(i)]; }};
}

void FitStains::write(const Scope& scope, const std::vector<Member>& members, const std::string& what) const {
  const std::string of =
      fmt::format("{} of {} {}{}", statistic, members.size(), what, members.size() == 1 ? "" : "s");
  const StainReport middle = middle_of(members, statistic == "median");
  write_file(scope.stage(dir, "stains.yaml"),
             StainsFile{middle, method, light().io, of, light().plus_one}.text());
  write_file(scope.stage(dir, "stains.csv"), table_of(members, what));
}

}  // namespace flowrun::wsi
