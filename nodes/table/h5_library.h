// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <H5Cpp.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

namespace flowrun::wsi {

/// The one lock around all calls of the HDF5 library.
std::mutex& h5_mutex();

/// The cause that the library gives, in its words.
std::string cause_of(const H5::Exception& exception);

/// Runs `action` with the library to itself; what the library reports becomes Error "FILE: WHAT: cause".
template <class Action>
auto with_h5(const std::filesystem::path& file, const char* what, Action&& action) {
  const std::scoped_lock lock(h5_mutex());
  try {
    H5::Exception::dontPrint();
    return std::forward<Action>(action)();
  } catch (const H5::Exception& exception) {
    throw Error(fmt::format("{}: {}: {}", file.string(), what, cause_of(exception)));
  }
}

}  // namespace flowrun::wsi
