// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <H5Cpp.h>

#include "h5_file.h"

namespace flowrun::wsi {

/// What elements are in files, and in memory: texts are `const char*` there.
const H5::DataType& in_file(H5Type type);
const H5::DataType& in_memory(H5Type type);

}  // namespace flowrun::wsi
