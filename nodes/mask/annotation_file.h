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
    bool hole = false;         ///< cuts a hole into the regions before it
    /// Level-0 pixels, finite and at most 1e9 from the origin, also outside of the slide. Each ring has at
    /// least 3 distinct points; what an odd number of rings encloses is inside.
    std::vector<std::vector<cv::Point2d>> rings;
  };
  std::vector<Class> classes;      ///< by first appearance; each name once
  std::vector<Region> regions;     ///< in the order of the file
  std::vector<std::string> notes;  ///< what was left out or had to be interpreted, in words for the user
};

/// Reads one of these, told apart by what is in the file:
///
/// - Aperio ImageScope XML: a region for each Region, with NegativeROA="1" a hole. Its class is the
///   Annotation's Name, else the Name or Value of one of its attributes, else the Region's Text.
/// - ASAP XML: Polygon, Rectangle and Spline, this as the polygon of its points; points by Order. The class
/// is
///   PartOfGroup unless that is "None", else Name.
/// - QuPath GeoJSON: a FeatureCollection, a Feature, or a list of Features with Polygon and MultiPolygon. The
///   class is the classification's name, else the feature's.
///
/// UTF-8 or UTF-16, with or without a byte order mark. Nothing but the file is read, and entities of its own
/// are refused. Throws Error "file:line:column: what; what is right" when it is broken.
AnnotationFile read_annotations(const std::filesystem::path& file);
/// The same from the file's bytes; `file` is for messages.
AnnotationFile parse_annotations(std::string bytes, const std::filesystem::path& file);

/// The bytes that a class mask of the file takes at most, and those that reading it takes besides.
struct AnnotationBytes {
  std::size_t mask, reading;
};
AnnotationBytes annotation_bytes(const std::filesystem::path& file);

}  // namespace flowrun::wsi
