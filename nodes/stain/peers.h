// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace flowrun::wsi {

/// What a method leaves open, as one program has it.
struct MethodDetails {
  const char* like;    ///< the program; empty: ours
  const char* method;  ///< empty: all
  const char* space = "ruderman";
  const char* tissue = "stained";
  const char* background = "change";
  const char* residual = "drop";
  double io = 240, beta = 0.15, alpha = 1;
  bool plus_one = true;
  bool two_digits = false;  ///< ruifrok: the colours to two digits
  /// macenko: hematoxylin is the stain whose colour is nearer to Ruifrok's, else what takes more red light
  bool nearest = false;
  bool cut_z = false;  ///< reinhard, in cielab: see from_cielab
};

/// Those of `like`; ours, if it is empty. Null: that program has no such method, or none that ours are like.
const MethodDetails* find_details(const std::string& like, const std::string& method);
/// The methods that `like` is known for, in words.
std::string methods_like(const std::string& like);

}  // namespace flowrun::wsi
