// SPDX-License-Identifier: Apache-2.0
#include "mask.h"

#include <flowrun/bytes.h>
#include <flowrun/wsi/slide.h>
#include <fmt/format.h>

#include <utility>

#include "annotation_file.h"
#include "annotation_text.h"
#include "class_values.h"
#include "nodes/slide/slide_files.h"

namespace flowrun::wsi {
namespace {

void move_by(AnnotationFile& file, const cv::Point2d& offset) {
  for (auto& region : file.regions)
    for (auto& ring : region.rings)
      for (cv::Point2d& point : ring) point += offset;
}

}  // namespace

void AnnotationMask::describe(Description<AnnotationMask>& d) {
  d.summary("Makes a mask of classes from annotations.")
      .details(
          "Reads XML of Aperio ImageScope, HALO and ASAP, and GeoJSON of QuPath, also compressed by gzip, "
          "told apart by what is in the file. The class of a region is in ImageScope and HALO the layer's "
          "Name, else the Name of one of its attributes, or the Value of one without a name or called "
          "Description, else the region's Text, else 'layer 2' by the layer's place; in ASAP PartOfGroup, "
          "unless that is None, else Name; in QuPath the classification's name, else the feature's. Regions "
          "without a name are of the class 'unnamed'. Spaces around names do not count, nor does the case of "
          "the letters A to Z: 'Tumor' and 'tumor' are one class. A later region is drawn over earlier ones, "
          "unless `order` says otherwise; NegativeROA=\"1\" is cut out of its own layer, and classes of "
          "value 0 out of everything, wherever in the file they stand. Without `classes` a slide's classes "
          "get 1, 2, ... as they first appear in its file, which differs from slide to slide: give `classes` "
          "for more than one slide. A class has the colour that the file gives it, else one by its value. "
          "Ellipses and rectangles may be given by two corners. Dots, lines, rulers, arrows, regions with "
          "fewer than 3 points and what is not known are left out; the summary counts them, and a file with "
          "nothing but things that are not known fails. A pixel belongs to a region when it lies inside, by "
          "the even-odd rule, in ASAP by the winding number as there, on vertices divided by the downsample "
          "and truncated to whole pixels, or when the outline passes through it: the same pixels as "
          "cv::fillPoly of OpenCV 4.6 fills, whatever OpenCV there is. Places are level-0 pixels of the "
          "whole slide, as XML counts them. QuPath "
          "shows of a slide with bounds (openslide.bounds-x, -y: Leica SCN, MIRAX) the area that was "
          "scanned, and counts from its corner: so GeoJSON does here, unless `origin` says otherwise.")
      .example(
          "classes: {type: mask, from: slides, annotations: \"xml/{slide}.xml\", classes: {tumor: 1, stroma: "
          "2}}")
      .input<Slide>("slide")
      .output<ClassMask>("classes");
  d.option(
       "annotations", &AnnotationMask::annotations,
       "where a slide's annotations are, {slide} being its name or, if there is no such file, its name up "
       "to the first dot; of several the first that is there")
      .required();
  d.option("missing", &AnnotationMask::missing,
           "what becomes of a slide without annotations: it fails, is skipped, or has an empty mask")
      .choices({"fail", "skip", "empty"});
  d.option("classes", &AnnotationMask::classes,
           "the value of each class in the mask; 0 cuts holes into all others")
      .at_least(0)
      .at_most(255);
  d.option("order", &AnnotationMask::order,
           "classes in the order in which they are drawn, behind all others, whatever the file's order: as "
           "ASAP's list when it converts annotations to a mask");
  d.option("other", &AnnotationMask::other, "what becomes of regions whose class is not in `classes`")
      .choices({"ignore", "fail"});
  d.option(
       "origin", &AnnotationMask::origin,
       "where coordinates count from: the corner of the slide's bounds, or of the whole slide; auto: of the "
       "bounds in GeoJSON, of the slide in XML")
      .choices({"auto", "bounds", "slide"});
}

void AnnotationMask::plan(Costs& costs) {
  if (const std::string alike = alike_names(classes); !alike.empty())
    throw OptionError("classes", alike + " are the same name: case does not count", "give one of them");
  if (other == "fail" && classes.empty())
    throw OptionError("other", "without `classes` no class is another one", "give `classes` too");
  if (const std::string name = misplaced_name(order, classes); !name.empty())
    throw OptionError("order", fmt::format("'{}' is there twice, or is not in `classes`", name),
                      "name each class once");
  // Of usual files; larger ones are leased when they are met.
  costs.out("classes", 8 * MiB);
  costs.scratch = 8 * MiB;
}

CallBytes AnnotationMask::bytes(const Inputs& in) const {
  const auto path = first_there(slide_files(annotations, in.get<Slide>("slide").facts().name));
  if (path.empty()) return {.out = 64 * KiB, .scratch = 0};
  const auto bytes = annotation_bytes(path);
  return {.out = bytes.mask, .scratch = bytes.reading};
}

std::map<std::string, std::string> AnnotationMask::depends_on(const std::string& slide) const {
  return file_identity(first_there(slide_files(annotations, slide)));
}

void AnnotationMask::process(Inputs& in, Outputs& out) {
  const SlideFacts& slide = in.get<Slide>("slide").facts();
  const auto paths = slide_files(annotations, slide.name);
  const auto path = first_there(paths);
  if (path.empty() && missing == "skip") return out.drop("no annotations");
  if (path.empty() && missing == "fail")
    throw Error(
        fmt::format("no annotations: there is no {}; correct `annotations`, or say missing: skip or empty",
                    in_words(paths)));
  std::vector<std::string> notes;
  if (path.empty()) notes.emplace_back("no annotations: the mask is empty");
  try {
    AnnotationFile file;
    if (!path.empty()) file = read_annotations(path);
    const cv::Point2d corner = slide.bounds.tl();
    if (origin == "bounds" || (origin == "auto" && file.geojson)) move_by(file, corner);
    if (origin == "auto" && file.geojson && corner != cv::Point2d())
      notes.push_back(
          fmt::format("the annotations were taken to count from the corner of the slide's bounds at "
                      "x={}, y={}, as QuPath does",
                      corner.x, corner.y));
    ClassMask mask = make_class_mask(std::move(file), {classes, other == "fail", order}, slide.width(),
                                     slide.height(), notes);
    for (std::string& note : notes) out.note(std::move(note));
    out.emit("classes", std::move(mask));
  } catch (const Error& problem) {
    const std::string said = problem.what();
    if (said.starts_with(path.string())) throw;
    throw Error(fmt::format("{}: {}", path.string(), said));
  }
}

}  // namespace flowrun::wsi
