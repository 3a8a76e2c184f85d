// SPDX-License-Identifier: Apache-2.0
#include "h5_features.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <type_traits>

#include "h5_file.h"

namespace flowrun::wsi {
namespace {

constexpr std::size_t message_bytes = std::size_t{1} << 18;
static_assert(H5Features::most_dimensions * sizeof(float) <= message_bytes);

std::string name_in(const std::filesystem::path& path, const H5Reader& file) {
  for (const char* name : {"features", "feats"})
    if (file.has(name)) return name;
  throw Error(fmt::format(
      "{}: there are no features: expected a dataset 'features' (CLAM, TRIDENT) or 'feats' (STAMP)",
      path.string()));
}

FeatureFacts facts_of(const std::filesystem::path& path, const H5Reader& file, const std::string& name) {
  const H5Reader::Shape shape = file.shape(name);
  if (shape.dims.size() != 2 || !shape.numbers || shape.whole_numbers)
    throw Error(fmt::format(
        "{}: '{}' must be floating-point numbers of shape (tiles, dimensions), found {} of shape ({})",
        path.string(), name, shape.type, fmt::join(shape.dims, ", ")));
  if (shape.dims[1] == 0 || shape.dims[1] > H5Features::most_dimensions)
    throw Error(fmt::format("{}: '{}' has {} numbers a tile, expected 1 to {}", path.string(), name,
                            shape.dims[1], H5Features::most_dimensions));
  if (shape.dims[0] > H5Features::most_rows)
    throw Error(fmt::format("{}: '{}' has {} tiles, expected at most {}", path.string(), name, shape.dims[0],
                            H5Features::most_rows));
  return {shape.dims[0], shape.dims[1]};
}

std::uint64_t rows_of_a_message(const FeatureFacts& facts) {
  return std::max<std::uint64_t>(1, message_bytes / (facts.dimensions * sizeof(float)));
}

/// What the process does: facts, then rows.
void send_features(const std::filesystem::path& path, const std::vector<std::uint64_t>* selected,
                   const Isolated::Send& send) {
  const H5Reader file(path);
  const std::string name = name_in(path, file);
  const FeatureFacts facts = facts_of(path, file, name);
  send(message_of(&facts, 1));
  const auto dimensions = static_cast<std::size_t>(facts.dimensions);
  const std::uint64_t batch = rows_of_a_message(facts);
  std::vector<float> rows;
  if (!selected) {
    for (std::uint64_t first = 0; first < facts.rows; first += batch) {
      file.read(name, first, static_cast<std::size_t>(std::min(batch, facts.rows - first)), rows);
      send(message_of(rows.data(), rows.size()));
    }
    return;
  }
  if (!selected->empty() && selected->back() >= facts.rows)
    throw Error(fmt::format("{}: it has {} tiles, fewer than before: it was changed meanwhile", path.string(),
                            facts.rows));
  for (auto next = selected->begin(); next != selected->end();) {
    const std::uint64_t first = *next;
    const auto end = std::lower_bound(next, selected->end(), first + batch);
    file.read(name, first, static_cast<std::size_t>(*(end - 1) - first + 1), rows);
    std::size_t count = 0;
    for (; next != end; ++next, ++count)
      std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>((*next - first) * dimensions), dimensions,
                  rows.begin() + static_cast<std::ptrdiff_t>(count * dimensions));
    send(message_of(rows.data(), count * dimensions));
  }
}

/// The next message of the process that reads `path`; what went wrong is told with its name.
std::string receive_from(Isolated& process, const std::filesystem::path& path) {
  std::optional<std::string> message;
  try {
    message = process.receive();
  } catch (const Error& error) {
    const std::string_view text = error.what();
    if (text.starts_with(path.string())) throw;
    throw Error(
        fmt::format("{}: the file is broken; while the HDF5 library read it, {}", path.string(), text));
  }
  if (!message) throw Error(fmt::format("{}: the file is broken", path.string()));
  return *std::move(message);
}

/// Which file it is and when it was changed last; nothing when that cannot be told.
std::optional<H5Features::FileState> state_of(const std::filesystem::path& path) {
  struct ::stat now {};
  if (::stat(path.c_str(), &now) != 0) return {};
  const auto number = [](auto value) { return static_cast<std::uint64_t>(value); };
  return H5Features::FileState{number(now.st_dev),          number(now.st_ino),
                               number(now.st_size),         number(now.st_mtim.tv_sec),
                               number(now.st_mtim.tv_nsec), number(now.st_ctim.tv_sec),
                               number(now.st_ctim.tv_nsec)};
}

/// Files that libhdf5 has read from first to last without a crash, in the state that they had; 10 MiB at
/// most.
class Sound {
 public:
  bool has(const H5Features::FileState& state) {
    const std::scoped_lock lock(mutex_);
    return states_.contains(state);
  }
  void add(const H5Features::FileState& state) {
    const std::scoped_lock lock(mutex_);
    if (states_.size() >= most) states_.clear();
    states_.insert(state);
  }

 private:
  static constexpr std::size_t most = 100'000;
  std::mutex mutex_;
  std::set<H5Features::FileState> states_;
};

Sound& sound_files() {
  static Sound files;
  return files;
}

}  // namespace

H5Features::H5Features(const std::filesystem::path& file, const std::vector<std::uint64_t>* selected)
    : path_(file), whole_(selected == nullptr), state_of_file_(state_of(file)) {
  if (whole_ && state_of_file_ && sound_files().has(*state_of_file_)) {
    file_.emplace(path_);
    name_ = name_in(path_, *file_);
    facts_ = facts_of(path_, *file_, name_);
    return;
  }
  process_.emplace([&](const Isolated::Send& send) { send_features(path_, selected, send); });
  const std::string head = receive_from(*process_, path_);
  if (head.size() != sizeof facts_) throw Error(fmt::format("{}: the file is broken", path_.string()));
  std::memcpy(&facts_, head.data(), sizeof facts_);
}

void H5Features::read(float* to, std::uint64_t rows) {
  file_ ? read_here(to, rows) : read_by_process(to, rows);
  done_ += rows;
  if (process_ && whole_ && done_ == facts_.rows && state_of_file_ && state_of(path_) == state_of_file_)
    sound_files().add(*state_of_file_);
}

void H5Features::read_here(float* to, std::uint64_t rows) {
  const std::uint64_t batch = rows_of_a_message(facts_);
  std::vector<float> some;
  for (std::uint64_t first = done_; first < done_ + rows; first += batch) {
    file_->read(name_, first, static_cast<std::size_t>(std::min(batch, done_ + rows - first)), some);
    to = std::copy(some.begin(), some.end(), to);
  }
}

void H5Features::read_by_process(float* to, std::uint64_t rows) {
  char* at = reinterpret_cast<char*>(to);
  for (std::size_t left = rows * facts_.dimensions * sizeof(float); left > 0;) {
    if (used_ == message_.size()) {
      message_ = receive_from(*process_, path_);
      used_ = 0;
    }
    const std::size_t now = std::min(left, message_.size() - used_);
    std::memcpy(at, message_.data() + used_, now);
    at += now;
    used_ += now;
    left -= now;
  }
}

std::vector<double> read_h5_places(const std::filesystem::path& path) {
  constexpr std::uint64_t batch = 8192;
  Isolated process([&](const Isolated::Send& send) {
    const H5Reader file(path);
    const std::uint64_t rows = facts_of(path, file, name_in(path, file)).rows;
    if (!file.has("coords")) {
      const std::uint64_t none = 0;
      return send(message_of(&none, 1));
    }
    const H5Reader::Shape shape = file.shape("coords");
    if (shape.dims != std::vector<std::uint64_t>{rows, 2} || !shape.numbers)
      throw Error(fmt::format("{}: 'coords' must be numbers of shape ({}, 2), found {} of shape ({})",
                              path.string(), rows, shape.type, fmt::join(shape.dims, ", ")));
    send(message_of(&rows, 1));
    std::vector<double> places;
    for (std::uint64_t first = 0; first < rows; first += batch) {
      file.read("coords", first, static_cast<std::size_t>(std::min(batch, rows - first)), places);
      send(message_of(places.data(), places.size()));
    }
  });
  std::uint64_t rows = 0;
  const std::string head = receive_from(process, path);
  std::memcpy(&rows, head.data(), std::min(head.size(), sizeof rows));
  std::vector<double> places;
  places.reserve(2 * rows);
  while (places.size() < 2 * rows) {
    const std::string message = receive_from(process, path);
    const std::size_t before = places.size();
    places.resize(before + message.size() / sizeof(double));
    std::memcpy(places.data() + before, message.data(), message.size());
  }
  return places;
}

}  // namespace flowrun::wsi
