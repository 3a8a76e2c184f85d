// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "annotation_file.h"

namespace flowrun::wsi {

/// A file that cannot be read further. The place is found, and Error made, from it where the bytes are known.
class Malformed : public std::runtime_error {
 public:
  /// `message`: what is wrong; what is right. `offset`: in bytes from the file's begin.
  Malformed(std::size_t offset, const std::string& message) : std::runtime_error(message), offset(offset) {}
  std::size_t offset;
};

/// Collects what the readers of all formats find.
class AnnotationBuilder {
 public:
  using Ring = std::vector<cv::Point2d>;
  using Colour = std::optional<std::array<std::uint8_t, 3>>;

  /// See AnnotationFile::Region.
  struct Kind {
    std::uint32_t layer = 0;
    bool hole = false, winding = false;
  };
  /// The first of several colours of one name counts. Rings with fewer than 3 distinct points are left out
  /// and noted; with the first ring the whole region.
  void add(std::string_view name, const Colour& colour, Kind kind, std::vector<Ring> rings);
  /// Something known is left out: `what` ("region") of `type` ("Ruler") is no area.
  void no_area(std::string_view what, std::string_view type);
  /// Something that is not known is left out.
  void unknown(const std::string& what);
  /// Counts what will be said once: "3 " + `several`, or "1 " + `one`.
  void count(const std::string& one, const std::string& several);
  /// A coordinate from text: also with spaces around it, a decimal comma, or commas between thousands where
  /// that is what they must be; this is noted. Throws Malformed with `what` and `offset` otherwise.
  double coordinate(std::string_view text, const char* what, std::size_t offset);
  /// Throws Malformed unless it is one that a slide could have.
  static double checked(double value, const char* what, std::size_t offset);

  /// Throws Malformed when nothing was known of all that was there.
  AnnotationFile finish();

 private:
  std::size_t class_of(std::string name, const Colour& colour);

  AnnotationFile file_;
  std::map<std::string, std::size_t, std::less<>> classes_;  // name -> place
  std::map<std::pair<std::string, std::string>, std::size_t> counts_;
  bool known_ = false;  // anything
  std::size_t unknown_ = 0;
  std::string first_unknown_;
};

/// Text of a file in quotes, for messages: no longer than a line, without what a terminal would obey.
std::string in_quotes(std::string_view text);

/// The readers. `text`: UTF-8 without byte order mark. Throw Malformed.
AnnotationFile parse_geojson(std::string_view text);
/// Either XML; changes the text.
AnnotationFile parse_xml(std::string& text);

}  // namespace flowrun::wsi
