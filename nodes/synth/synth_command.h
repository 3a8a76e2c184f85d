// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/plugin.h>

namespace flowrun::wsi {

/// `flowrun synth OUT.svs`: makes a slide to try things on.
Command synth_command();

}  // namespace flowrun::wsi
