// SPDX-License-Identifier: Apache-2.0
#pragma once

// Boost's R-tree with all that it needs in the versions that flowrun is built with: 1.74 includes headers of
// its own that it calls deprecated, and since 1.80 the tree needs the strategies, which it does not include.
#define BOOST_ALLOW_DEPRECATED_HEADERS
#include <boost/geometry/geometries/box.hpp>
#include <boost/geometry/geometries/point.hpp>
#include <boost/geometry/index/rtree.hpp>
#include <boost/geometry/strategies/strategies.hpp>
