// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <opencv2/core/types.hpp>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// What somebody outlined on a slide, whatever program it was saved by.
struct AnnotationFile {
  struct Class {
    std::string name;  ///< UTF-8, without spaces around it; "unnamed" where the file has none
    std::optional<std::array<std::uint8_t, 3>> rgb;
  };
  struct Region {
    std::size_t of_class = 0;  ///< its place in `classes`; of a hole nothing
    /// Level-0 pixels, finite and at most 1e9 from the origin, also outside of the slide. Each ring has at
    /// least 3 distinct points.
    std::vector<std::vector<cv::Point2d>> rings;
    std::uint32_t layer = 0;  ///< which regions belong together
    bool hole = false;        ///< cut out of all regions of its layer
    bool winding = false;     ///< inside is what the rings go around at all, else what an odd number encloses
  };
  std::vector<Class> classes;      ///< by first appearance; each name once
  std::vector<Region> regions;     ///< in the order of the file
  std::vector<std::string> notes;  ///< what was left out or had to be interpreted, in words for the user
  bool geojson = false;            ///< QuPath's, which count from the slide's bounds
};

/// Reads one of these, told apart by what is in the file:
///
/// - XML of Aperio ImageScope and of HALO: a layer for each Annotation, a region for each Region, with
///   NegativeROA="1" a hole. Types 0 or Polygon, 1 or Rectangle, 2 or Ellipse, the last two also by two
///   corners of their box; 3 or Arrow and 4 or Ruler are no areas. The class is the Annotation's Name, else
///   the Name of one of its attributes, or the Value of one that has no Name or is called Description as
///   that of ImageScope's own layers is; else the Region's Text, else "layer 2" by the layer's place.
/// - ASAP XML: Polygon, Rectangle and Spline, this as the polygon of its points; points by Order. Outlines
///   that cross themselves are filled by their winding number, as ASAP does it. The class is PartOfGroup
///   unless that is "None", else Name.
/// - GeoJSON (RFC 7946), such as QuPath's: Polygon and MultiPolygon, also within a GeometryCollection, of a
///   FeatureCollection, a Feature, a geometry, or a list of these. The class is the classification's name,
///   else the feature's.
///
/// UTF-8 or UTF-16, with or without a byte order mark, also compressed by gzip. Nothing but the file is read,
/// and entities of its own are refused. Throws Error "file:line:column: what; what is right" when it is
/// broken, or has no region but things that are not known.
AnnotationFile read_annotations(const std::filesystem::path& file);
/// The same from the file's bytes, not compressed; `file` is for messages.
AnnotationFile parse_annotations(std::string bytes, const std::filesystem::path& file);

}  // namespace flowrun::wsi
