// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/plugin.h>

namespace flowrun::wsi {

/// `flowrun collect SRC --slides OUT --logs OUT2`: moves slides and logs out of nested folders.
Command collect_command();

}  // namespace flowrun::wsi
