// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/plugin.h>

namespace flowrun::wsi {

/// `flowrun slide FILE`: prints what is known of a slide.
Command slide_command();

}  // namespace flowrun::wsi
