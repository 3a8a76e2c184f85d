// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace flowrun::wsi {

/// What the elements of a dataset are. In files they are little endian, as h5py writes them on x86; text is
/// UTF-8 of any length.
enum class H5Type { uint8, int32, int64, float32, float64, float16, text };

/// A number of half the precision (IEEE 754 binary16).
struct Float16 {
  std::uint16_t bits;
};

template <class T>
struct H5TypeOf;
template <>
struct H5TypeOf<std::uint8_t> {
  static constexpr H5Type value = H5Type::uint8;
};
template <>
struct H5TypeOf<std::int32_t> {
  static constexpr H5Type value = H5Type::int32;
};
template <>
struct H5TypeOf<std::int64_t> {
  static constexpr H5Type value = H5Type::int64;
};
template <>
struct H5TypeOf<float> {
  static constexpr H5Type value = H5Type::float32;
};
template <>
struct H5TypeOf<double> {
  static constexpr H5Type value = H5Type::float64;
};

template <>
struct H5TypeOf<Float16> {
  static constexpr H5Type value = H5Type::float16;
};

std::size_t bytes_of(H5Type type);

/// An attribute as h5py would write Python's int, float, str, (int, ...) and (float, ...): int64 and float64
/// scalars, a scalar of variable-length UTF-8, and one-dimensional arrays.
using H5Attribute =
    std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>>;

/// What attributes of the file itself are of.
constexpr const char* h5_whole_file = "/";

/// The numbers of a dataset that grows row by row.
struct H5Column {
  std::string name;
  H5Type type = H5Type::int64;
  std::vector<std::size_t> row_shape;  ///< without the rows' dimension; {2} for coordinates
  std::size_t chunk_rows = 1;          ///< rows in a chunk of the file
  int gzip = 0;                        ///< level 1 to 9; 0: uncompressed
};

/// An HDF5 file being written: datasets of shape (rows, ...), whose first dimension grows without limit.
///
/// The HDF5 library knows no threads: calls of any H5Writer and H5Reader take turns in the whole process,
/// but one object is for one thread at a time. The same calls give the same bytes (no times are kept).
/// Everything throws Error that names the file; nothing is printed. It holds `buffer_bytes` for each dataset,
/// and the library keeps about `library_bytes` for an open file.
class H5Writer {
 public:
  static constexpr std::size_t buffer_bytes = std::size_t{64} << 10;
  static constexpr std::size_t library_bytes = std::size_t{4} << 20;

  explicit H5Writer(const std::filesystem::path& file);
  ~H5Writer();
  H5Writer(const H5Writer&) = delete;
  H5Writer& operator=(const H5Writer&) = delete;

  /// Adds a group, whose datasets have names with its own before theirs: "obs/_index".
  void group(const std::string& name);
  /// Adds a dataset of one value.
  void scalar(const std::string& name, const H5Attribute& value);
  void add(const H5Column& column);
  /// Appends whole rows. Small ones are gathered and written together.
  template <class T>
  void append(std::string_view dataset, std::span<const T> values) {
    append(dataset, H5TypeOf<T>::value, std::as_bytes(values));
  }
  /// Appends rows of a dataset of texts.
  void append(std::string_view dataset, std::span<const std::string> texts);
  /// Appends the one row of the next chunk of a column with chunk_rows 1, compressed already: a zlib stream
  /// when gzip is set. So compression may run in parallel and outside of the library.
  void append_chunk(std::string_view dataset, std::span<const std::uint8_t> stream);
  /// Of a dataset or group that was added, or of h5_whole_file.
  void attribute(const std::string& object, const std::string& name, const H5Attribute& value);
  /// Writes what is left and closes the file; without it the file is not whole.
  void close();

 private:
  void append(std::string_view dataset, H5Type type, std::span<const std::byte> values);

  struct State;
  struct Close {
    void operator()(State* state) const;
  };
  std::unique_ptr<State, Close> state_;
};

/// Whether the file begins as HDF5 files do.
bool is_h5(const std::filesystem::path& file);

/// An HDF5 file being read. Only what tables of numbers need is read, and it is checked first: datasets in
/// the root group, contiguous or in chunks of at most `most_chunk_bytes`, uncompressed or deflated; links out
/// of the file, external and virtual storage are refused. Threads and errors: as H5Writer.
class H5Reader {
 public:
  static constexpr std::size_t most_chunk_bytes = std::size_t{16} << 20;

  struct Shape {
    std::vector<std::uint64_t> dims;
    bool whole_numbers = false;  ///< integers, of any size and sign
    bool numbers = false;        ///< integers or floating point
    std::string type;            ///< in words: "int64", "float32", "text"
  };

  explicit H5Reader(const std::filesystem::path& file);
  ~H5Reader();
  H5Reader(const H5Reader&) = delete;
  H5Reader& operator=(const H5Reader&) = delete;

  bool has(const std::string& dataset) const;
  Shape shape(const std::string& dataset) const;
  /// A number that is a scalar or the only element of an array; nothing when there is no such attribute.
  std::optional<double> number(const std::string& dataset, const std::string& attribute) const;
  std::optional<std::string> text(const std::string& dataset, const std::string& attribute) const;
  /// Rows of a two-dimensional dataset as int64, row by row.
  void read(const std::string& dataset, std::uint64_t first, std::size_t rows,
            std::vector<std::int64_t>& to) const;
  /// The same as float, numbers of half the precision too.
  void read(const std::string& dataset, std::uint64_t first, std::size_t rows, std::vector<float>& to) const;
  /// The same as double.
  void read(const std::string& dataset, std::uint64_t first, std::size_t rows, std::vector<double>& to) const;

 private:
  struct State;
  struct Close {
    void operator()(State* state) const;
  };
  std::unique_ptr<State, Close> state_;
};

}  // namespace flowrun::wsi
