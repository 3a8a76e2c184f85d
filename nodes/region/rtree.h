// SPDX-License-Identifier: Apache-2.0
#pragma once

// Boost's R-tree with all that it needs in the versions that flowrun is built with: 1.74 includes headers of
// its own that it calls deprecated, and since 1.80 the tree needs the strategies, which it does not include.
// To be included before any other header of Boost.Geometry: by default 1.83 loses pieces of differences of
// polygons that meet in several points, and says nothing. It does not when it rescales coordinates, as 1.74
// always does; 1.92, which has no such choice, is right again.
#if defined(BOOST_GEOMETRY_CORE_TAGS_HPP) && !defined(BOOST_GEOMETRY_ROBUSTNESS_ALTERNATIVE)
#error "another header of Boost.Geometry was included before nodes/region/rtree.h"
#endif
#define BOOST_ALLOW_DEPRECATED_HEADERS
#define BOOST_GEOMETRY_ROBUSTNESS_ALTERNATIVE
#include <boost/geometry/geometries/box.hpp>
#include <boost/geometry/geometries/point.hpp>
#include <boost/geometry/index/rtree.hpp>
#include <boost/geometry/strategies/strategies.hpp>
