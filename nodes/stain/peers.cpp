// SPDX-License-Identifier: Apache-2.0
#include "peers.h"

namespace flowrun::wsi {
namespace {

/// torchstain 1.3, TIAToolbox 1.6, HistomicsTK 1.3, histolab 0.7, with the arguments that they have if none
/// are given. What Reinhard's method does not look at (io, beta) says which tiles show stain at all.
constexpr MethodDetails peers[] = {
    {.like = "torchstain", .method = "macenko"},
    {.like = "torchstain", .method = "reinhard", .space = "cielab", .tissue = "all"},
    {.like = "tiatoolbox", .method = "macenko", .tissue = "luminosity", .io = 255, .plus_one = false},
    {.like = "tiatoolbox", .method = "ruifrok", .io = 255, .plus_one = false, .two_digits = true},
    {.like = "tiatoolbox",
     .method = "reinhard",
     .space = "cielab_8bit",
     .tissue = "all",
     .io = 255,
     .plus_one = false},
    {.like = "histomicstk", .method = "reinhard", .tissue = "all"},
    {.like = "histolab", .method = "macenko", .tissue = "otsu", .residual = "scale", .nearest = true},
    {.like = "histolab",
     .method = "reinhard",
     .space = "cielab",
     .tissue = "otsu",
     .background = "keep",
     .cut_z = true},
};
constexpr MethodDetails ours{.like = "", .method = ""},
    our_reinhard{.like = "", .method = "reinhard", .background = "keep"};

}  // namespace

const MethodDetails* find_details(const std::string& like, const std::string& method) {
  if (like.empty()) return method == "reinhard" ? &our_reinhard : &ours;
  for (const MethodDetails& one : peers)
    if (like == one.like && method == one.method) return &one;
  return nullptr;
}

std::string methods_like(const std::string& like) {
  std::string all;
  for (const MethodDetails& one : peers)
    if (like == one.like) all += (all.empty() ? "" : ", ") + std::string(one.method);
  return all;
}

}  // namespace flowrun::wsi
