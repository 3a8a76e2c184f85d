// SPDX-License-Identifier: Apache-2.0
#include "mask.h"

#include <flowrun/bytes.h>
#include <flowrun/wsi/slide.h>
#include <fmt/format.h>

#include <utility>

#include "annotation_file.h"
#include "class_values.h"
#include "nodes/slide/slide_files.h"

namespace flowrun::wsi {
void AnnotationMask::describe(Description<AnnotationMask>& d) {
  d.summary("Makes a mask of classes from annotations.")
      .details(
          "Reads Aperio ImageScope XML, ASAP XML and QuPath GeoJSON, told apart by what is in the file. The "
          "class of a region is in ImageScope the annotation's Name, else the Name or Value of one of its "
          "attributes, else the region's Text; in ASAP PartOfGroup, unless that is None, else Name; in "
          "QuPath the classification's name, else the feature's. Regions without a name are of the class "
          "'unnamed'. Spaces around names do not count, nor does the case of the letters A to Z: 'Tumor' and "
          "'tumor' are one class. A later region is drawn over earlier ones; NegativeROA=\"1\" and classes "
          "of value 0 cut holes into them. Without `classes` a slide's classes get 1, 2, ... as they first "
          "appear in its file, which differs from slide to slide: give `classes` for more than one slide. A "
          "class has the colour that the file gives it, else one by its value. Dots, lines and regions with "
          "fewer than 3 points are left out; the summary counts them. A pixel belongs to a region when it "
          "lies inside, by the even-odd rule on vertices divided by the downsample and truncated to whole "
          "pixels, or when the outline passes through it: the same pixels as cv::fillPoly fills.")
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
  d.option("classes", &AnnotationMask::classes, "the value of each class in the mask; 0 cuts holes")
      .at_least(0)
      .at_most(255);
  d.option("other", &AnnotationMask::other, "what becomes of regions whose class is not in `classes`")
      .choices({"ignore", "fail"});
}

void AnnotationMask::plan(Costs& costs) {
  if (const std::string alike = alike_names(classes); !alike.empty())
    throw OptionError("classes", alike + " are the same name: case does not count", "give one of them");
  if (other == "fail" && classes.empty())
    throw OptionError("other", "without `classes` no class is another one", "give `classes` too");
  // Of usual files; larger ones are leased when they are met.
  costs.out("classes", 8 * MiB);
  costs.scratch = 8 * MiB;
}

CallBytes AnnotationMask::bytes(const Inputs& in) const {
  const auto bytes =
      annotation_bytes(first_there(slide_files(annotations, in.get<Slide>("slide").facts().name)));
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
    ClassMask mask =
        make_class_mask(std::move(file), {classes, other == "fail"}, slide.width(), slide.height(), notes);
    for (std::string& note : notes) out.note(std::move(note));
    out.emit("classes", std::move(mask));
  } catch (const Error& problem) {
    const std::string said = problem.what();
    if (said.starts_with(path.string())) throw;
    throw Error(fmt::format("{}: {}", path.string(), said));
  }
}

}  // namespace flowrun::wsi
