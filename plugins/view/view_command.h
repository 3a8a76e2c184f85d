// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/plugin.h>

namespace flowrun::view {

/// `flowrun view PATH...`: shows slides, and what runs made of them, in the browser.
Command view_command();

}  // namespace flowrun::view
