// SPDX-License-Identifier: Apache-2.0
#include <flowrun/plugin.h>

#include "nodes.h"

FLOWRUN_PLUGIN("focus", "1.1.0", registry) {
  registry.node<ReadTiny>("read_tiny").node<FocusFilter>("focus_filter").node<FocusTable>("focus_table");
}
