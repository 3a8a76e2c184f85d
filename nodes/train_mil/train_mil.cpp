// SPDX-License-Identifier: Apache-2.0
#include "train_mil.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <mutex>

#include "bag_trainer.h"
#include "nodes/base/in_parallel.h"
#include "nodes/base/out_file.h"
#include "nodes/mil/slide_models.h"
#include "nodes/torch/device.h"
#include "nodes/torch/model_thread.h"
#include "nodes/torch/ranks.h"
#include "nodes/torch/tensor_memory.h"
#include "nodes/trainer/judged_files.h"
#include "nodes/trainer/task_kind.h"
#include "nodes/trainer/training_files.h"
#include "nodes/trainer/training_report.h"
#include "summary.h"

namespace flowrun::torch_nodes {

TrainMil::TrainMil() = default;
TrainMil::~TrainMil() = default;

void TrainMil::begin(const BagEpoch& epoch) {
  const BagSet& set = *epoch.set;
  if (set.dimensions > static_cast<std::uint64_t>(dimensions))
    throw Error(
        fmt::format("features have {} numbers a tile, but memory is reserved for {}: set dimensions to {}",
                    set.dimensions, dimensions, set.dimensions));
  if (epoch.number == 0) refuse_other_models(dir, set.folds);
  ranks_ = std::make_shared<Ranks>(dir);
  ranks_->agree_on(fmt::format("epoch {}", epoch.number + 1));
  keep_tensor_memory();
  model_thread_ = std::make_unique<ModelThread>(threads.value_or(threads_of_run_), choose_device(device));
  set_ = epoch.set;
  model_thread_->run([&] {
    for (std::size_t fold = 0; fold < set.folds; ++fold) {
      folds_.push_back(std::make_unique<BagTrainer>(*this, set_, fold, ranks_));
      if (ranks_->are_several() && folds_.back()->task().is_joint())
        throw Error(
            fmt::format("loss: {} compares the slides of a step with each other, of which each of several "
                        "ranks has some: train with one process, or with another loss",
                        loss_name(*this)));
      if (epoch.number > 0) folds_.back()->resume(dir / fold_folder(fold) / "last.pt");
    }
  });
}

Action TrainMil::process(Inputs& in, Outputs&) {
  return [this, epoch = in.share<BagEpoch>("bags"), &scope = in.scope()] {
    try {
      take(epoch, scope);
    } catch (const std::exception& problem) {
      Ranks::fail(ranks_, dir, problem.what());
      throw;
    }
  };
}

template <class Work>
void TrainMil::for_each_bag(const BagEpoch& epoch, const Scope& scope, bool training, const Work& work) {
  std::mutex mutex;
  const BagSet& set = *epoch.set;
  const auto left_out = [&](const Bag& bag, const UnreadBag& problem) {
    const std::scoped_lock lock(mutex);
    unread_.insert(fmt::format("slide '{}' is left out: {}", bag.slide, problem.what()));
  };
  const auto wanted = [&](std::size_t bag) {
    return std::ranges::any_of(folds_, [&](const auto& fold) {
      const Role role = fold->role(bag);
      return !fold->is_over() && role != Role::none && (role == Role::train) == training;
    });
  };
  wsi::in_parallel(
      static_cast<std::int64_t>(set.bags.size()), bags_at_once, scope,
      [&](std::int64_t i) -> std::function<void()> {
        const auto at = static_cast<std::size_t>(i);
        const std::size_t number = training ? epoch.order[at] : at;
        const Bag& bag = set.bags[number];
        if (!wanted(number)) return {};
        const auto pass_it = [this, number, training] {
          if (training) model_thread_->run([&] { pass(number); });
        };
        if (!ranks_->own().has(at)) return pass_it;
        try {
          return [&, number,
                  tiles = std::make_shared<BagTiles>(
                      bag.file, training ? set.drawn_tiles(bag, epoch.number) : std::nullopt,
                      static_cast<std::uint64_t>(block_tiles))] {
            try {
              model_thread_->run([&] { work(number, *tiles); });
            } catch (
                const UnreadBag& problem) {  // one larger than a block, before anything was learnt from it
              left_out(bag, problem);
            }
          };
        } catch (const UnreadBag& problem) {  // the others go on
          left_out(bag, problem);
          return pass_it;
        }
      });
}

/// In all folds; in those after one that could not read it in none.
void TrainMil::learn(std::size_t bag, const BagTiles& tiles) {
  std::exception_ptr unread;
  for (const auto& fold : folds_) {
    if (fold->is_over() || fold->role(bag) != Role::train) continue;
    if (!unread) try {
        fold->learn(bag, tiles);
        continue;
      } catch (const UnreadBag&) {
        unread = std::current_exception();
      }
    fold->pass(bag);
  }
  if (unread) std::rethrow_exception(unread);
}

void TrainMil::pass(std::size_t bag) {
  for (const auto& fold : folds_)
    if (!fold->is_over() && fold->role(bag) == Role::train) fold->pass(bag);
}

void TrainMil::gather_unread() {
  if (!ranks_->are_several()) return;
  const auto bytes = nlohmann::json::to_cbor(unread_);
  for (const std::string& said : ranks_->gather({bytes.begin(), bytes.end()}))
    unread_.merge(nlohmann::json::from_cbor(said).get<std::set<std::string>>());
}

void TrainMil::take(const std::shared_ptr<const BagEpoch>& epoch, const Scope& scope) {
  if (folds_.empty()) begin(*epoch);
  epoch_ = epoch->number;
  for (std::size_t fold = 0; fold < folds_.size(); ++fold)
    if (!folds_[fold]->is_over() && folds_[fold]->next_epoch() != epoch->number)
      throw Error(fmt::format(
          "epoch {} is to be trained, but {} is of epoch {}: run with --force to train anew",
          epoch->number + 1, (dir / fold_folder(fold) / "last.pt").string(), folds_[fold]->next_epoch()));
  for_each_bag(*epoch, scope, true, [&](std::size_t bag, const BagTiles& tiles) { learn(bag, tiles); });
  if (scope.failed()) return;
  model_thread_->run([&] {
    for (const auto& fold : folds_)
      if (!fold->is_over()) fold->end_learning();
  });
  for_each_bag(*epoch, scope, false, [&](std::size_t bag, const BagTiles& tiles) {
    for (const auto& fold : folds_)
      if (!fold->is_over() && (fold->role(bag) == Role::validation || fold->role(bag) == Role::test))
        fold->evaluate(bag, tiles);
  });
}

/// What is left out may be why it cannot end, and only the problem is told of what fails.
void TrainMil::end_of(BagTrainer& trainer) const {
  try {
    trainer.end();
  } catch (const Error& problem) {
    if (unread_.empty()) throw;
    throw Error(fmt::format("{}; {}", problem.what(), fmt::join(unread_, "; ")));
  }
}

void TrainMil::finish(Inputs& in, Outputs& out) {
  if (in.scope().failed()) Ranks::fail(ranks_, dir, in.scope().name() + " failed");
  if (!folds_.empty() && !in.scope().failed()) gather_unread();
  for (const std::string& text : unread_)
    if (told_.insert(text).second) out.leave_out(text);
  if (folds_.empty() || in.scope().failed()) return;
  const bool is_first = ranks_->own().number == 0;
  std::vector<FoldPredictions> all;
  for (std::size_t fold = 0; fold < folds_.size(); ++fold) {
    BagTrainer& trainer = *folds_[fold];
    if (!trainer.is_over()) {
      model_thread_->run([&] {
        end_of(trainer);
        if (is_first) hand_on_epoch(trainer, in.scope(), dir, fold_folder(fold));
      });
      if (trainer.is_over() && epoch_ + 1 < set_->epochs)
        out.note(fmt::format("fold {} stopped early: no better {} in {} epochs", fold, metric_name(*this),
                             *patience));
    }
    for (std::string& note : trainer.take_notes()) out.note(std::move(note));
    all.push_back(trainer.predictions());
  }
  const bool over = std::ranges::all_of(folds_, [](const auto& fold) { return fold->is_over(); });
  if (over) out.end_scopes();
  if (!is_first) return;
  NamedHistories histories;
  for (std::size_t fold = 0; fold < folds_.size(); ++fold)
    histories.emplace_back(fmt::format("fold {}", fold), &folds_[fold]->history());
  report_curves("", histories, out);
  const Task& what = folds_.front()->task();
  wsi::write_file(in.scope().hand_on(dir, "predictions.csv"), predictions_csv(what, *set_, all));
  if (!over && epoch_ + 1 < set_->epochs) return;
  const auto said = evaluated(*set_, all);
  wsi::write_file(
      in.scope().hand_on(dir, "metrics.json"),
      metrics_json(what, set_->seed, "slides", said, threads.value_or(threads_of_run_), in.scope()));
  constexpr std::size_t most_reported = 5;
  for (std::size_t fold = 0; fold < said.size(); ++fold) {
    hand_on_judged(what, validated(said[fold]), in.scope(), dir, fold_folder(fold));
    if (fold < most_reported)
      report_judged(fmt::format("validation of fold {}: ", fold), what, validated(said[fold]), out);
  }
  hand_on_judged(what, tested(said), in.scope(), dir);
  report_judged("tests of all folds: ", what, tested(said), out);
}

Packets TrainMil::finish_run(Inputs& in, Outputs&) {
  if (in.scope().failed()) return {};
  folds_.clear();  // their memory before the models'
  release_tensor_memory();
  return {1, [this](std::uint64_t, Outputs& out) {
            std::vector<std::filesystem::path> files;
            const std::size_t folds = folds_in(dir);
            for (std::size_t fold = 0; fold < folds; ++fold)
              files.push_back(dir / fold_folder(fold) / "best.pt");
            out.emit("models", read_slide_models(files));
          }};
}

}  // namespace flowrun::torch_nodes
