// SPDX-License-Identifier: Apache-2.0
#pragma once

// clang-format off: this says how Boost is to compute, and so comes first
#include "nodes/region/rtree.h"
// clang-format on
#include <boost/geometry.hpp>
#include <boost/geometry/geometries/register/point.hpp>
#include <opencv2/core/types.hpp>
#include <vector>

BOOST_GEOMETRY_REGISTER_POINT_2D(cv::Point2d, double, boost::geometry::cs::cartesian, x, y)

namespace flowrun::wsi {

/// Outer rings run counter-clockwise as numbers go, and first points are not repeated.
using Polygon = boost::geometry::model::polygon<cv::Point2d, false, false>;
using Polygons = boost::geometry::model::multi_polygon<Polygon>;
using PolygonBox = boost::geometry::model::box<cv::Point2d>;

/// What any of the parts covers.
Polygons united(std::vector<Polygons> parts);
/// What `whole` covers and none of the parts. The time for parts that touch neither each other nor an outline
/// of `whole` goes with their number, not with its square, as Boost's algorithms take.
Polygons without(Polygons whole, std::vector<Polygons> parts);
/// What an odd number of `whole` and the parts cover; likewise.
Polygons covered_oddly(Polygons whole, std::vector<Polygons> parts);

}  // namespace flowrun::wsi
