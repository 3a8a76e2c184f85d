// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/class_mask.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "annotation_file.h"

namespace flowrun::wsi {

/// Which value each class of regions gets. Names are compared without regard to the case of A to Z.
struct ClassValues {
  std::map<std::string, int>
      values;                  ///< 0 to 255; 0 cuts holes. Empty: 1, 2, ... by first appearance in a file
  bool refuse_others = false;  ///< a region of another class is an Error; else it is left out and noted
  /// These are drawn in this order behind all others; others in that of the file.
  std::vector<std::string> order = {};
};

/// The class mask of a slide of this size (level-0 pixels), with what the user should know added to the
/// file's notes in `notes`. Classes of value 0 are cut out of all others. It has all classes of `values`,
/// also those without regions. A class has the file's colour, else one of a palette by its value. Throws
/// Error.
ClassMask make_class_mask(AnnotationFile file, const ClassValues& classes, std::int64_t slide_width,
                          std::int64_t slide_height, std::vector<std::string>& notes);

/// Two names in `values` that are the same but for case in words ("'a' and 'A'"); empty when there are none.
std::string alike_names(const std::map<std::string, int>& values);
/// The first name in `order` that is there twice or, unless `values` are empty, not in them; else empty.
std::string misplaced_name(const std::vector<std::string>& order, const std::map<std::string, int>& values);

}  // namespace flowrun::wsi
