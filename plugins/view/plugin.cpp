// SPDX-License-Identifier: Apache-2.0
#include <flowrun/plugin.h>

#include "view_command.h"

FLOWRUN_PLUGIN("view", FLOWRUN_VERSION, registry) {
  registry.command(flowrun::view::view_command());
}
