// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "output/handed_on.h"
#include "output/journal.h"

namespace flowrun {

/// Ends what a killed run left in a folder and room. A publication counts from when each of its folders had
/// its intent: then it is completed, otherwise what was before stands, as it does when another run has done
/// the scope since. What nobody needs any more is removed.
void recover(const Journal& journal, HandedOn& handed_on);

}  // namespace flowrun
