// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace flowrun::wsi {

/// How long the encoder searches: both are lossless.
enum class PngEffort { fast, small };

/// Encodes an image as a complete PNG file, losslessly and fast; made for saving many tissue tiles.
///
/// The encoder trades the search for string matches, which hardly pays on the sensor noise of tissue, for
/// speed: every row is predicted with the Paeth filter, and the residues are written with a Huffman code
/// fitted to each stripe of rows. Only runs of repeating residues become matches, so flat areas (glass,
/// padding) stay tiny. Tiles of 512 x 512 stained tissue come out about 5 % smaller than from libpng at level
/// 1, more than ten times as fast; flat ones take 2 KB.
///
/// @param image  rows x cols x channels of 8 bits: CV_8UC3 in RGB order (not OpenCV's BGR) or CV_8UC1 (grey).
///               Rows need not be adjacent in memory, so a region of a larger image will do. Only read.
/// @param out    receives the file and is owned by the caller. Earlier content is dropped, the capacity is
///               kept: pass the same vector again to save allocations. After the call its capacity is at
///               least max_png_bytes(); its content is unspecified if the call throws.
///
/// Apart from `out`, a stripe of rows and the list of its runs are held for the length of the call: about
/// 300 KB for tissue, just over 1 MB at worst, more where one row alone exceeds 256 KB. No state is shared:
/// concurrent calls are safe as long as each has its own `out`.
///
/// @throws std::invalid_argument if the image is empty, has another type, or could need more bytes than a PNG
///         chunk may hold (2^31 - 1)
/// @throws std::bad_alloc
///
/// Sources: PNG specification (W3C, third edition) sections 5 (chunks), 9 (filters) and 10 (compression);
/// RFC 1950 (zlib stream); RFC 1951 (deflate).
///
/// With PngEffort::small each row gets the filter with the least sum of residues (the specification's 12.7),
/// and libdeflate searches for matches: tiles come out 2 % smaller where all is tissue, 10 % where half is
/// glass, and take about forty times as long.
/// That holds twice the image's bytes besides `out`.
void encode_png(const cv::Mat& image, std::vector<std::uint8_t>& out, PngEffort effort = PngEffort::fast);

/// Encodes a mask as a PNG of one bit a pixel: white where it is 255, black where it is 0, the only values
/// that it may have. Each row is predicted from the one above, so a mask of 8 million pixels takes some 50
/// KB.
///
/// @param mask  rows x cols x 1 of 8 bits. Only read.
/// @param out   as for encode_png
/// @throws std::invalid_argument if the mask is empty or has another type
/// @throws std::bad_alloc
void encode_mask_png(const cv::Mat& mask, std::vector<std::uint8_t>& out);

/// The most bytes that encode_png can write for an image of this size, to plan memory with.
///
/// The bound is reached by images that do not compress, which are stored: it is the bytes of the image, one
/// per row for the filter type, 5 for each stored block (at most 65535 bytes) and 63 for the rest of the
/// file.
///
/// @throws std::invalid_argument if rows or cols is not positive, or channels is neither 1 nor 3
std::size_t max_png_bytes(int rows, int cols, int channels);

}  // namespace flowrun::wsi
