// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/rank.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace flowrun::torch_nodes {

/// The store of texts by which ranks find each other, c10d's, which rank 0 serves: where torchrun says, else
/// at a port that rank 0 finds and tells in the output folder's `.flowrun/ranks/`.
class RankStore {
 public:
  /// Throws Error when rank 0 cannot serve it, or is not found within 10 minutes.
  RankStore(const Rank& own, const std::filesystem::path& output_folder);
  ~RankStore();
  RankStore(const RankStore&) = delete;

  /// A connection of its own, with names of its own for what is trained in this output folder.
  c10::intrusive_ptr<c10d::Store> connect() const;

 private:
  void serve(std::uint16_t port);
  void find(const Rank& own, const std::filesystem::path& output_folder);

  std::string host_, names_;
  std::uint16_t port_ = 0;
  std::filesystem::path told_;  // rank 0's file, or empty
  c10::intrusive_ptr<c10d::Store> served_;
};

}  // namespace flowrun::torch_nodes
