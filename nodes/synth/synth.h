// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

namespace flowrun::wsi {

/// What a synthetic slide is to be like.
struct SynthOptions {
  std::int64_t width = 20000;   ///< level-0 pixels, 1 to 1,000,000
  std::int64_t height = 20000;  ///< level-0 pixels, 1 to 1,000,000
  double mpp = 0.5;             ///< microns per level-0 pixel, above 0; scales nuclei and fibres too
  std::uint64_t seed = 1;       ///< of everything random
  /// Islands of tumor, the smallest ones; in the others there is none, not even in patches. Not given: every
  /// other one, with patches of each in the other.
  std::optional<int> tumors;
  std::optional<std::filesystem::path> annotations;  ///< where to write the islands' outlines, if anywhere
  int tile = 256;                                    ///< side of a tile in pixels: 64, 128, 256, 512 or 1024
  int quality = 80;                                  ///< of JPEG, 1 to 100
};

/// Writes a slide that looks like H&E-stained tissue on glass, for tests and benchmarks: a pyramidal, tiled
/// JPEG TIFF (YCbCr 4:2:0; BigTIFF when it may pass 4 GB) that OpenSlide opens as "aperio", with mpp and
/// objective power. Each level is a fourth of the one before, down to 1,024 pixels or less on the longest
/// side.
///
/// 3 to 8 islands of tissue lie on 25 to 45 % of the slide, one of them with a hole of glass. Their texture
/// repeats every 2,048 pixels (sooner on small slides), which makes large slides quick to write: tiles within
/// one texture are encoded once. Memory does not grow with the slide but for 16 bytes a tile.
///
/// With `annotations` it also writes the outlines as Aperio ImageScope XML, in level-0 pixels: one region for
/// every island, in the annotations "tumor" and "stroma" (by turns, unless `tumors` says otherwise), and one
/// with NegativeROA="1" for the hole.
///
/// The same options give the same bytes. Both files are written under temporary names beside their targets
/// and renamed at the end: each is whole or absent, and after an exception neither is new and nothing else
/// remains.
///
/// `progress`, if any, is called on this thread with the share done, rising to 1 just before the renaming; an
/// exception from it cancels. Throws std::invalid_argument for options out of range, std::runtime_error with
/// the path and the cause when a file cannot be written.
void write_synthetic_slide(const std::filesystem::path& out, const SynthOptions& options,
                           const std::function<void(double)>& progress = {});

}  // namespace flowrun::wsi
