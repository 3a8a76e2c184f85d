// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace flowrun::wsi {

// What the names of a tile's values begin with that a model predicts, by the model's task.
constexpr const char* class_probability = "p_";    ///< of a class, of which it has one
constexpr const char* label_probability = "has_";  ///< of a label, of which it has any number
constexpr const char* predicted_number = "predicted_";

/// Of the probability beside it: from which on a sample is said to be of the class, or to have the label.
constexpr const char* decision_threshold = "threshold_";

}  // namespace flowrun::wsi
