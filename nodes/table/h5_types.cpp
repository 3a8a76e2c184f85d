// SPDX-License-Identifier: Apache-2.0
#include "h5_types.h"

#include <array>
#include <stdexcept>

namespace flowrun::wsi {
namespace {

/// As h5py has it; the library has none of its own.
const H5::FloatType& half_precision() {
  static const H5::FloatType type = [] {
    H5::FloatType half(H5::PredType::IEEE_F32LE);
    half.setFields(15, 10, 5, 0, 10);
    half.setSize(2);
    half.setEbias(15);
    return half;
  }();
  return type;
}

/// As h5py writes Python's str.
const H5::StrType& any_text() {
  static const H5::StrType type = [] {
    H5::StrType text(H5::PredType::C_S1, H5T_VARIABLE);
    text.setCset(H5T_CSET_UTF8);
    return text;
  }();
  return type;
}

}  // namespace

const H5::DataType& in_file(H5Type type) {
  switch (type) {
    case H5Type::uint8:
      return H5::PredType::STD_U8LE;
    case H5Type::int32:
      return H5::PredType::STD_I32LE;
    case H5Type::int64:
      return H5::PredType::STD_I64LE;
    case H5Type::float32:
      return H5::PredType::IEEE_F32LE;
    case H5Type::float64:
      return H5::PredType::IEEE_F64LE;
    case H5Type::float16:
      return half_precision();
    case H5Type::text:
      return any_text();
  }
  throw std::logic_error("no such H5Type");
}

const H5::DataType& in_memory(H5Type type) {
  switch (type) {
    case H5Type::uint8:
      return H5::PredType::NATIVE_UINT8;
    case H5Type::int32:
      return H5::PredType::NATIVE_INT32;
    case H5Type::int64:
      return H5::PredType::NATIVE_INT64;
    case H5Type::float32:
      return H5::PredType::NATIVE_FLOAT;
    case H5Type::float64:
      return H5::PredType::NATIVE_DOUBLE;
    case H5Type::float16:
      return half_precision();
    case H5Type::text:
      return any_text();
  }
  throw std::logic_error("no such H5Type");
}

std::size_t bytes_of(H5Type type) {
  constexpr std::array<std::size_t, 7> bytes{1, 4, 8, 4, 8, 2, sizeof(char*)};
  return bytes.at(static_cast<std::size_t>(type));
}

}  // namespace flowrun::wsi
