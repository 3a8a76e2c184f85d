// SPDX-License-Identifier: Apache-2.0
#include "huge_pages.h"

#include <sys/mman.h>

#include <memory>

namespace flowrun::wsi {

void prefer_huge_pages(void* memory, std::size_t bytes) {
  if (!std::align(huge_page, huge_page, memory, bytes)) return;
  ::madvise(memory, bytes / huge_page * huge_page, MADV_HUGEPAGE);  // where there are none, nothing is lost
}

}  // namespace flowrun::wsi
