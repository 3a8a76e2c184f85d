// SPDX-License-Identifier: Apache-2.0
#include "zlib_stream.h"

#include <libdeflate.h>

#include <memory>
#include <new>
#include <stdexcept>

namespace flowrun::wsi {

std::size_t max_zlib_bytes(std::size_t bytes) {
  return libdeflate_zlib_compress_bound(nullptr, bytes);
}

std::size_t put_zlib_stream(std::span<const std::uint8_t> bytes, int level, std::span<std::uint8_t> out) {
  const std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> compressor(
      libdeflate_alloc_compressor(level), &libdeflate_free_compressor);
  if (!compressor) throw std::bad_alloc();
  const std::size_t size =
      libdeflate_zlib_compress(compressor.get(), bytes.data(), bytes.size(), out.data(), out.size());
  if (size == 0) throw std::logic_error("put_zlib_stream: less room than max_zlib_bytes()");
  return size;
}

std::vector<std::uint8_t> zlib_stream(std::span<const std::uint8_t> bytes, int level) {
  std::vector<std::uint8_t> out(max_zlib_bytes(bytes.size()));
  out.resize(put_zlib_stream(bytes, level, out));
  return out;
}

}  // namespace flowrun::wsi
