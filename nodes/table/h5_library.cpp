// SPDX-License-Identifier: Apache-2.0
#include "h5_library.h"

namespace flowrun::wsi {

std::mutex& h5_mutex() {
  static std::mutex mutex;
  return mutex;
}

std::string cause_of(const H5::Exception& exception) {
  // The innermost function of the library knows best; its error is the first on the stack.
  std::string cause;
  const auto keep_first = [](unsigned, const H5E_error2_t* error, void* into) -> herr_t {
    *static_cast<std::string*>(into) = error->desc ? error->desc : "";
    return 1;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &cause);
  H5Eclear2(H5E_DEFAULT);
  return cause.empty() ? exception.getDetailMsg() : cause;
}

}  // namespace flowrun::wsi
