// SPDX-License-Identifier: Apache-2.0
#include "jpeg_tile.h"

#include <jpeglib.h>

#include <csetjmp>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace flowrun::wsi::synth {

/// libjpeg's structures with a buffer that no tile outgrows, so that its callbacks never allocate or throw:
/// errors leave libjpeg by longjmp, over C frames only.
struct JpegTileEncoder::State {
  jpeg_compress_struct compress{};
  jpeg_error_mgr errors{};
  jpeg_destination_mgr destination{};
  std::jmp_buf failed{};
  char message[JMSG_LENGTH_MAX] = {};
  int side = 0;
  std::vector<std::uint8_t> buffer;
  std::vector<std::uint8_t> tables;

  ~State() { jpeg_destroy_compress(&compress); }

  static State& of(j_common_ptr info) { return *static_cast<State*>(info->client_data); }
  static State& of(j_compress_ptr info) { return *static_cast<State*>(info->client_data); }

  void connect();
  bool configure(int quality);
  bool run(const std::uint8_t* rgb);
  std::size_t written() const { return buffer.size() - destination.free_in_buffer; }
  [[noreturn]] void fail() const {
    throw std::runtime_error(std::string("cannot encode a JPEG tile: ") + message);
  }
};

void JpegTileEncoder::State::connect() {
  compress.err = jpeg_std_error(&errors);
  compress.client_data = this;
  errors.error_exit = [](j_common_ptr info) {
    State& state = of(info);
    info->err->format_message(info, state.message);
    std::longjmp(state.failed, 1);
  };
  errors.output_message = [](j_common_ptr) {};
  destination.init_destination = [](j_compress_ptr info) {
    State& state = of(info);
    state.destination.next_output_byte = state.buffer.data();
    state.destination.free_in_buffer = state.buffer.size();
  };
  destination.empty_output_buffer = [](j_compress_ptr info) -> boolean {
    State& state = of(info);
    std::snprintf(state.message, sizeof state.message, "the tile outgrew its buffer");
    std::longjmp(state.failed, 1);
  };
  destination.term_destination = [](j_compress_ptr) {};
}

bool JpegTileEncoder::State::configure(int quality) {
  if (setjmp(failed) != 0) return false;
  jpeg_create_compress(&compress);
  compress.dest = &destination;
  compress.image_width = static_cast<JDIMENSION>(side);
  compress.image_height = static_cast<JDIMENSION>(side);
  compress.input_components = 3;
  compress.in_color_space = JCS_RGB;
  jpeg_set_defaults(&compress);  // YCbCr, 4:2:0
  jpeg_set_quality(&compress, quality, TRUE);
  compress.dct_method = JDCT_ISLOW;
  compress.write_JFIF_header = FALSE;
  compress.write_Adobe_marker = FALSE;
  jpeg_write_tables(&compress);
  return true;
}

bool JpegTileEncoder::State::run(const std::uint8_t* rgb) {
  if (setjmp(failed) != 0) {
    jpeg_abort_compress(&compress);
    return false;
  }
  jpeg_start_compress(&compress, FALSE);
  while (compress.next_scanline < compress.image_height) {
    JSAMPROW row = const_cast<JSAMPROW>(rgb) +
                   static_cast<std::size_t>(compress.next_scanline) * compress.image_width * 3;
    jpeg_write_scanlines(&compress, &row, 1);
  }
  jpeg_finish_compress(&compress);
  return true;
}

JpegTileEncoder::JpegTileEncoder(int side, int quality) : state_(std::make_unique<State>()) {
  state_->side = side;
  state_->buffer.resize(static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * 6 + 65536);
  state_->connect();
  if (!state_->configure(quality)) state_->fail();
  state_->tables.assign(state_->buffer.begin(),
                        state_->buffer.begin() + static_cast<std::ptrdiff_t>(state_->written()));
}

JpegTileEncoder::~JpegTileEncoder() = default;

int JpegTileEncoder::side() const {
  return state_->side;
}

const std::vector<std::uint8_t>& JpegTileEncoder::tables() const {
  return state_->tables;
}

void JpegTileEncoder::encode(std::span<const std::uint8_t> rgb, std::vector<std::uint8_t>& out) {
  const auto side = static_cast<std::size_t>(state_->side);
  if (rgb.size() != side * side * 3)
    throw std::runtime_error("cannot encode a JPEG tile: wrong number of bytes");
  if (!state_->run(rgb.data())) state_->fail();
  out.assign(state_->buffer.begin(), state_->buffer.begin() + static_cast<std::ptrdiff_t>(state_->written()));
}

}  // namespace flowrun::wsi::synth
