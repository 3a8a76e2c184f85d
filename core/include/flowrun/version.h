// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The version of flowrun; the build reads it from here.
#define FLOWRUN_VERSION "0.1.0"
