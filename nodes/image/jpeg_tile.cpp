// SPDX-License-Identifier: Apache-2.0
#include "jpeg_tile.h"

#include <flowrun/error.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <new>
#include <opencv2/core.hpp>
#include <string>

// They want size_t and FILE.
#include <jerror.h>
#include <jpeglib.h>

namespace flowrun::wsi {

struct JpegTileDecoder::State {
  jpeg_error_mgr errors;
  jpeg_progress_mgr progress;
  std::jmp_buf on_error;
  char problem[JMSG_LENGTH_MAX];
  jpeg_decompress_struct jpeg;
};

namespace {

template <class State>
[[noreturn]] void fail(j_common_ptr jpeg) {
  auto& state = *static_cast<State*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, state.problem);
  std::longjmp(state.on_error, 1);
}

/// Warnings come with level -1.
template <class State>
void on_message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  const bool harmless = code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM;
  if (level < 0 && !harmless) fail<State>(jpeg);
}

/// A progressive picture has some ten scans. A small tile of millions of empty ones would take hours.
template <class State>
void on_progress(j_common_ptr jpeg) {
  constexpr int most_scans = 500;
  auto& state = *static_cast<State*>(jpeg->client_data);
  if (state.jpeg.input_scan_number <= most_scans) return;
  std::snprintf(state.problem, sizeof state.problem, "more than %d scans", most_scans);
  std::longjmp(state.on_error, 1);
}

}  // namespace

JpegTileDecoder::JpegTileDecoder(std::span<const std::uint8_t> tables, Colours colours)
    : state_(std::make_unique<State>()), tables_(tables), colours_(colours) {
  State& s = *state_;
  s.jpeg.err = jpeg_std_error(&s.errors);
  s.errors.error_exit = fail<State>;
  s.errors.emit_message = on_message<State>;
  s.jpeg.client_data = &s;
  if (setjmp(s.on_error) != 0) throw std::bad_alloc();  // there is nothing else to fail
  jpeg_create_decompress(&s.jpeg);
  s.progress.progress_monitor = on_progress<State>;
  s.jpeg.progress = &s.progress;
}

JpegTileDecoder::~JpegTileDecoder() {
  jpeg_destroy_decompress(&state_->jpeg);
}

void JpegTileDecoder::decode(std::span<const std::uint8_t> jpeg, int width, int height, std::uint8_t* rgb) {
  run_or_throw(jpeg, width, height, rgb);
}

void JpegTileDecoder::check(std::span<const std::uint8_t> jpeg, int width, int height) {
  run_or_throw(jpeg, width, height, nullptr);
}

void JpegTileDecoder::run_or_throw(std::span<const std::uint8_t> jpeg, int width, int height,
                                   std::uint8_t* rgb) {
  if (run(jpeg, width, height, rgb)) return;
  jpeg_abort_decompress(&state_->jpeg);
  throw Error(std::string("damaged JPEG tile: ") + state_->problem);
}

/// False when something is wrong; `problem` says what. libjpeg jumps back here, over its own frames and those
/// of functions without destructors.
bool JpegTileDecoder::run(std::span<const std::uint8_t> jpeg, int width, int height, std::uint8_t* rgb) {
  jpeg_decompress_struct& j = state_->jpeg;
  if (setjmp(state_->on_error) != 0) return false;
  if (!begin(jpeg, width, height)) return false;
  if (!rgb) {
    jpeg_read_coefficients(&j);
    jpeg_finish_decompress(&j);
    return true;
  }
  // libjpeg puts components that need no conversion together byte by byte, which takes a tenth of the
  // decoding; OpenCV is faster. Planes need no scaling where all components have the same resolution.
  const auto whole = [&](const jpeg_component_info& c) {
    return c.h_samp_factor == j.max_h_samp_factor && c.v_samp_factor == j.max_v_samp_factor;
  };
  j.raw_data_out = colours_ == Colours::rgb && std::all_of(j.comp_info, j.comp_info + 3, whole);
  jpeg_start_decompress(&j);
  if (j.raw_data_out)
    read_planes(rgb);
  else
    read_rows(rgb);
  jpeg_finish_decompress(&j);  // entropy-coded data that are left over are damage, too
  return true;
}

/// Reads tables and headers; nothing of the picture's size is allocated yet.
bool JpegTileDecoder::begin(std::span<const std::uint8_t> jpeg, int width, int height) {
  jpeg_decompress_struct& j = state_->jpeg;
  // Anew for each tile: one may have had tables of its own.
  if (!tables_.empty()) {
    jpeg_mem_src(&j, tables_.data(), tables_.size());
    if (jpeg_read_header(&j, FALSE) != JPEG_HEADER_TABLES_ONLY) {
      std::snprintf(state_->problem, sizeof state_->problem, "the tables that tiles share hold a picture");
      return false;
    }
  }
  jpeg_mem_src(&j, jpeg.data(), jpeg.size());
  jpeg_read_header(&j, TRUE);
  if (j.image_width != static_cast<JDIMENSION>(width) || j.image_height != static_cast<JDIMENSION>(height) ||
      j.num_components != 3) {
    std::snprintf(state_->problem, sizeof state_->problem,
                  "%u x %u pixels of %d components, expected %d x %d of 3", j.image_width, j.image_height,
                  j.num_components, width, height);
    return false;
  }
  j.jpeg_color_space = colours_ == Colours::rgb ? JCS_RGB : JCS_YCbCr;
  j.out_color_space = JCS_RGB;
  return true;
}

void JpegTileDecoder::read_rows(std::uint8_t* rgb) {
  jpeg_decompress_struct& j = state_->jpeg;
  while (j.output_scanline < j.output_height) {
    std::array<JSAMPROW, 16> rows;
    const auto left = std::min<std::size_t>(rows.size(), j.output_height - j.output_scanline);
    for (std::size_t i = 0; i < left; ++i)
      rows[i] = rgb + (j.output_scanline + i) * std::size_t{j.output_width} * 3;
    jpeg_read_scanlines(&j, rows.data(), static_cast<JDIMENSION>(left));
  }
}

void JpegTileDecoder::read_planes(std::uint8_t* rgb) {
  jpeg_decompress_struct& j = state_->jpeg;
  const int lines = j.max_v_samp_factor * DCTSIZE;
  const std::size_t mcu = static_cast<std::size_t>(j.max_h_samp_factor) * DCTSIZE;
  const std::size_t pitch = (j.output_width + mcu - 1) / mcu * mcu;
  const std::size_t plane_bytes = pitch * static_cast<std::size_t>(lines);
  planes_.resize(3 * plane_bytes);
  std::array<std::array<JSAMPROW, MAX_SAMP_FACTOR * DCTSIZE>, 3> rows;
  std::array<JSAMPARRAY, 3> components;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(lines); ++i)
      rows[c][i] = planes_.data() + c * plane_bytes + i * pitch;
    components[c] = rows[c].data();
  }
  const auto width = static_cast<int>(j.output_width);
  for (JDIMENSION top = j.output_scanline; top < j.output_height; top = j.output_scanline) {
    jpeg_read_raw_data(&j, components.data(), static_cast<JDIMENSION>(lines));
    const int there = std::min(lines, static_cast<int>(j.output_height - top));
    std::array<cv::Mat, 3> planes;
    for (std::size_t c = 0; c < 3; ++c) planes[c] = cv::Mat(there, width, CV_8UC1, components[c][0], pitch);
    cv::Mat interleaved(there, width, CV_8UC3, rgb + std::size_t{top} * j.output_width * 3);
    cv::merge(planes.data(), planes.size(), interleaved);
  }
}

}  // namespace flowrun::wsi
