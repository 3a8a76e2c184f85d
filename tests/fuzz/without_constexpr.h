// SPDX-License-Identifier: Apache-2.0
#pragma once

// clang looks into the destructor of a constexpr std::vector of a class before the class is complete, which
// g++ does not: with C++20's libstdc++ 12 it cannot compile libtorch 1.13. This header comes before all
// others and makes vectors and strings as they are in C++17 (which fmt bears only in C++23).
#define _GLIBCXX20_CONSTEXPR
#include <type_traits>
#undef __cpp_lib_is_constant_evaluated
#include <string>
#include <vector>
