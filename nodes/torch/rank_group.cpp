// SPDX-License-Identifier: Apache-2.0
#include "rank_group.h"

#include <flowrun/error.h>

#ifndef FLOWRUN_TORCH_GLOO

namespace flowrun::torch_nodes {

struct RankGroup::Connected {};

RankGroup::RankGroup(const Rank&, const std::filesystem::path&) {
  throw Error(
      "several ranks are to train together, but this plugin was built without Gloo (see SLURM_PROCID or "
      "RANK): build it where libtorch has Gloo and its headers are there (Debian: libgloo-dev), or start one "
      "process");
}
RankGroup::~RankGroup() = default;
void RankGroup::sum(const std::vector<at::Tensor>&) {}
void RankGroup::spread(const std::vector<at::Tensor>&, int) {}
void RankGroup::fail(const std::string&) noexcept {}

}  // namespace flowrun::torch_nodes

#else

#include <chrono>
#include <cstdlib>
#include <functional>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>

#include "rank_beats.h"
#include "rank_store.h"

namespace flowrun::torch_nodes {
namespace {

using Gloo = c10d::ProcessGroupGloo;
using namespace std::chrono_literals;

/// Of one exchange, in which others may still read their samples.
constexpr auto longest_wait = 1h;

c10::intrusive_ptr<Gloo> connected(const RankStore& store, const Rank& own) {
  const auto options = Gloo::Options::create(longest_wait);
  const char* const interface = std::getenv("GLOO_SOCKET_IFNAME");
  options->devices.push_back(interface ? Gloo::createDeviceForInterface(interface)
                                       : Gloo::createDefaultDevice());
  return c10::make_intrusive<Gloo>(store.connect(), own.number, own.count, options);
}

}  // namespace

struct RankGroup::Connected {
  Connected(const Rank& own, const std::filesystem::path& output_folder)
      : store(own, output_folder), beats(store, own) {
    attempt([&] { gloo = connected(store, own); });
  }
  ~Connected() {
    // Gloo's threads may wait for a machine that is gone, for an hour: the process ends without them.
    if (broken) static_cast<void>(gloo.release());
  }

  /// What goes wrong here is that another rank is gone.
  void attempt(const std::function<void()>& exchange) {
    try {
      exchange();
    } catch (const std::exception& problem) {
      broken = true;
      throw Error(beats.why_broken(problem.what()));
    }
  }

  void wait(c10d::Work& work) {
    while (!work.isCompleted()) {
      try {
        work.wait(1s);
      } catch (const std::exception&) {  // a second has passed, or it has failed: both throw
      }
      if (const std::string lost = beats.lost(); !lost.empty() && !work.isCompleted()) throw Error(lost);
    }
    if (!work.isSuccess()) std::rethrow_exception(work.exception());
  }

  /// `begin` a tensor's exchange, of all of them, then wait.
  template <class Begin>
  void exchange(const std::vector<at::Tensor>& tensors, const Begin& begin) {
    attempt([&] {
      std::vector<c10::intrusive_ptr<c10d::Work>> works;
      for (const at::Tensor& tensor : tensors) {
        std::vector<at::Tensor> one{tensor};
        if (tensor.numel() > 0) works.push_back(begin(one));
      }
      for (const auto& work : works) wait(*work);
    });
  }

  RankStore store;
  RankBeats beats;
  c10::intrusive_ptr<Gloo> gloo;
  bool broken = false;
};

RankGroup::RankGroup(const Rank& own, const std::filesystem::path& output_folder)
    : connected_(std::make_unique<Connected>(own, output_folder)) {}
RankGroup::~RankGroup() = default;

void RankGroup::sum(const std::vector<at::Tensor>& tensors) {
  connected_->exchange(tensors,
                       [&](std::vector<at::Tensor>& one) { return connected_->gloo->allreduce(one); });
}

void RankGroup::spread(const std::vector<at::Tensor>& tensors, int from) {
  c10d::BroadcastOptions options;
  options.rootRank = from;
  connected_->exchange(
      tensors, [&](std::vector<at::Tensor>& one) { return connected_->gloo->broadcast(one, options); });
}

void RankGroup::fail(const std::string& why) noexcept {
  connected_->beats.fail(why);
}

}  // namespace flowrun::torch_nodes

#endif
