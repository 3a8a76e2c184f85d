// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "h5_driver.h"
#include "h5_file.h"
#include "h5_library.h"
#include "h5_types.h"

namespace flowrun::wsi {
namespace {

using Dims = std::vector<hsize_t>;

Dims dims_of(std::size_t rows, const std::vector<std::size_t>& row_shape) {
  Dims dims{rows};
  dims.insert(dims.end(), row_shape.begin(), row_shape.end());
  return dims;
}

H5::FileAccPropList access_for(H5WriteFailure& failure) {
  H5::FileAccPropList access;
  // The layout that the oldest readers know, which HDF5 2 no longer begins with by itself.
  access.setLibverBounds(H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST);
  use_safe_driver(access.getId(), failure);
  H5AC_cache_config_t config{};
  config.version = H5AC__CURR_CACHE_CONFIG_VERSION;
  H5Pget_mdc_config(access.getId(), &config);
  // The library's own limit of 32 MiB would be more than all that flowrun keeps for a slide.
  config.set_initial_size = true;
  config.initial_size = config.min_size = std::size_t{1} << 20;
  config.max_size = std::size_t{2} << 20;
  if (H5Pset_mdc_config(access.getId(), &config) < 0)
    throw H5::PropListIException("H5Pset_mdc_config", "the size of the cache was refused");
  return access;
}

H5::DataSet create(H5::H5File& file, const H5Column& column) {
  const int rank = static_cast<int>(column.row_shape.size()) + 1;
  const Dims none = dims_of(0, column.row_shape), most = dims_of(H5S_UNLIMITED, column.row_shape);
  H5::DSetCreatPropList how;
  how.setChunk(rank, dims_of(column.chunk_rows, column.row_shape).data());
  if (column.gzip > 0) how.setDeflate(static_cast<unsigned>(column.gzip));
  H5Pset_obj_track_times(how.getId(), false);
  return file.createDataSet(column.name, in_file(column.type), H5::DataSpace(rank, none.data(), most.data()),
                            how);
}

void write_attribute(const H5::H5Object& dataset, const std::string& name, std::int64_t value) {
  dataset.createAttribute(name, in_file(H5Type::int64), H5::DataSpace(H5S_SCALAR))
      .write(in_memory(H5Type::int64), &value);
}
void write_attribute(const H5::H5Object& dataset, const std::string& name, double value) {
  dataset.createAttribute(name, in_file(H5Type::float64), H5::DataSpace(H5S_SCALAR))
      .write(in_memory(H5Type::float64), &value);
}
void write_attribute(const H5::H5Object& dataset, const std::string& name, const std::string& value) {
  const char* const text = value.c_str();
  dataset.createAttribute(name, in_memory(H5Type::text), H5::DataSpace(H5S_SCALAR))
      .write(in_memory(H5Type::text), &text);
}
template <class T>
void write_attribute(const H5::H5Object& dataset, const std::string& name, const std::vector<T>& values) {
  const hsize_t size = values.size();
  const H5::Attribute attribute =
      dataset.createAttribute(name, in_file(H5TypeOf<T>::value), H5::DataSpace(1, &size));
  if (size > 0) attribute.write(in_memory(H5TypeOf<T>::value), values.data());
}

}  // namespace

struct H5Writer::State {
  struct Column {
    H5Column what;
    std::size_t row_bytes;
    std::uint64_t rows = 0;               // in the file
    std::vector<std::byte> waiting = {};  // whole rows
    H5::DataSet dataset = {};

    void write(std::span<const std::byte> values);
  };

  Column& column(std::string_view name) {
    const auto it =
        std::find_if(columns.begin(), columns.end(), [&](auto& c) { return c.what.name == name; });
    if (it == columns.end()) throw std::logic_error("no such dataset");
    return *it;
  }
  void flush(Column& column) {
    if (column.waiting.empty()) return;
    column.write(column.waiting);
    column.waiting.clear();
  }

  /// with_h5, and an Error when a write failed meanwhile.
  template <class Action>
  void write(Action&& action) {
    const auto check = [&] {
      if (failure.code != 0)
        throw Error(
            fmt::format("cannot write {}: {}", path.string(), std::generic_category().message(failure.code)));
    };
    check();
    try {
      with_h5(path, "cannot be written", action);
    } catch (const Error&) {
      check();  // knows better why
      throw;
    }
    check();
  }

  std::filesystem::path path;
  H5WriteFailure failure = {};  // before the file, which refers to it
  H5::H5File file = {};
  std::deque<Column> columns = {};
};

void H5Writer::State::Column::write(std::span<const std::byte> values) {
  const std::size_t count = values.size() / row_bytes;
  dataset.extend(dims_of(rows + count, what.row_shape).data());
  H5::DataSpace to = dataset.getSpace();
  const Dims extent = dims_of(count, what.row_shape);
  Dims start(extent.size(), 0);
  start[0] = rows;
  to.selectHyperslab(H5S_SELECT_SET, extent.data(), start.data());
  dataset.write(values.data(), in_memory(what.type),
                H5::DataSpace(static_cast<int>(extent.size()), extent.data()), to);
  rows += count;
}

H5Writer::H5Writer(const std::filesystem::path& file) : state_(new State{file}) {
  state_->write([&] {
    state_->file =
        H5::H5File(file.string(), H5F_ACC_TRUNC, H5::FileCreatPropList::DEFAULT, access_for(state_->failure));
  });
}

H5Writer::~H5Writer() = default;

void H5Writer::Close::operator()(State* state) const {
  const std::scoped_lock lock(h5_mutex());
  H5::Exception::dontPrint();
  delete state;
}

void H5Writer::group(const std::string& name) {
  state_->write([&] { state_->file.createGroup(name); });
}

void H5Writer::scalar(const std::string& name, const H5Attribute& value) {
  const auto create = [&](H5Type type) {
    return state_->file.createDataSet(name, in_file(type), H5::DataSpace(H5S_SCALAR));
  };
  state_->write([&] {
    if (const auto* text = std::get_if<std::string>(&value)) {
      const char* const pointer = text->c_str();
      create(H5Type::text).write(&pointer, in_memory(H5Type::text));
    } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      create(H5Type::int64).write(whole, in_memory(H5Type::int64));
    } else {
      create(H5Type::float64).write(&std::get<double>(value), in_memory(H5Type::float64));
    }
  });
}

void H5Writer::add(const H5Column& column) {
  std::size_t row_bytes = bytes_of(column.type);
  for (const std::size_t side : column.row_shape) row_bytes *= side;
  state_->write([&] {
    State::Column& added = state_->columns.emplace_back(State::Column{column, row_bytes});
    added.dataset = create(state_->file, column);
  });
}

void H5Writer::append(std::string_view dataset, H5Type type, std::span<const std::byte> values) {
  State::Column& column = state_->column(dataset);
  if (type != column.what.type || values.size() % column.row_bytes != 0)
    throw std::logic_error("what is appended must be whole rows of the dataset's type");
  if (column.waiting.size() + values.size() <= buffer_bytes) {
    column.waiting.insert(column.waiting.end(), values.begin(), values.end());
    return;
  }
  state_->write([&] {
    state_->flush(column);
    column.write(values);
  });
}

void H5Writer::append(std::string_view dataset, std::span<const std::string> texts) {
  State::Column& column = state_->column(dataset);
  if (column.what.type != H5Type::text) throw std::logic_error("the dataset is not of texts");
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  state_->write([&] { column.write(std::as_bytes(std::span(pointers))); });
}

void H5Writer::append_chunk(std::string_view dataset, std::span<const std::uint8_t> stream) {
  State::Column& column = state_->column(dataset);
  if (column.what.chunk_rows != 1) throw std::logic_error("only chunks of one row can be appended");
  state_->write([&] {
    state_->flush(column);
    column.dataset.extend(dims_of(column.rows + 1, column.what.row_shape).data());
    Dims offset = dims_of(column.rows, column.what.row_shape);
    std::fill(offset.begin() + 1, offset.end(), 0);
    if (H5Dwrite_chunk(column.dataset.getId(), H5P_DEFAULT, 0, offset.data(), stream.size(), stream.data()) <
        0)
      throw H5::DataSetIException("H5Dwrite_chunk", "a chunk was not written");
    ++column.rows;
  });
}

void H5Writer::attribute(const std::string& object, const std::string& name, const H5Attribute& value) {
  state_->write([&] {
    const bool is_group = state_->file.childObjType(object) == H5O_TYPE_GROUP;
    const H5::Group group = is_group ? state_->file.openGroup(object) : H5::Group();
    const H5::DataSet dataset = is_group ? H5::DataSet() : state_->file.openDataSet(object);
    const H5::H5Object& to = is_group ? static_cast<const H5::H5Object&>(group) : dataset;
    std::visit([&](const auto& typed) { write_attribute(to, name, typed); }, value);
  });
}

void H5Writer::close() {
  state_->write([&] {
    for (State::Column& column : state_->columns) {
      state_->flush(column);
      column.dataset.close();
    }
    state_->file.close();
  });
}

}  // namespace flowrun::wsi
