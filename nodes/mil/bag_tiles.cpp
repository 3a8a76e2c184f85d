// SPDX-License-Identifier: Apache-2.0
#include "bag_tiles.h"

#include <fmt/format.h>

#include <utility>

#include "feature_reader.h"

namespace flowrun::torch_nodes {
namespace {

template <class Read>
auto or_unread(const Read& read) {
  try {
    return read();
  } catch (const Error& problem) {
    throw UnreadBag(problem.what());
  }
}

}  // namespace

BagTiles::BagTiles(std::filesystem::path file, std::optional<std::vector<std::uint64_t>> selected,
                   std::uint64_t block)
    : file_(std::move(file)), selected_(std::move(selected)), block_(block) {
  or_unread([&] {
    const auto reader = FeatureReader::open(file_, selected_ ? &*selected_ : nullptr);
    if (reader->rows() <= block_) whole_ = reader->next(block_);
    if (reader->rows() == 0) throw Error(fmt::format("{}: there is no tile in it", file_.string()));
  });
}

void BagTiles::for_each(const std::function<void(const at::Tensor&, std::int64_t)>& work) const {
  if (whole_.defined()) return work(whole_, 0);
  const auto reader =
      or_unread([&] { return FeatureReader::open(file_, selected_ ? &*selected_ : nullptr); });
  const auto next = [&] { return or_unread([&] { return reader->next(block_); }); };
  std::int64_t first = 0;
  for (at::Tensor block = next(); block.defined(); block = next()) {
    work(block, first);
    first += block.size(0);
  }
}

}  // namespace flowrun::torch_nodes
