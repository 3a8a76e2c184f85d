// SPDX-License-Identifier: Apache-2.0
#include "training_files.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <charconv>

#include "history_files.h"
#include "nodes/base/out_file.h"
#include "trainer.h"

namespace flowrun::torch_nodes {
namespace {

namespace fs = std::filesystem;

/// Finished files are only ever replaced as a whole, so that two names may stand for one.
void copy_whole(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::remove(to);
  fs::create_hard_link(from, to, failed);
  if (failed) fs::copy_file(from, to);
}

}  // namespace

bool hand_on_epoch(const Trainer& trainer, const Scope& epoch, const fs::path& dir, const fs::path& folder) {
  const History& history = trainer.history();
  const auto hand_on = [&](const char* name) { return epoch.hand_on(dir, folder / name); };
  const auto last = hand_on("last.pt");
  trainer.save(last);
  const bool is_best = trainer.last_is_best();
  if (is_best) {
    copy_whole(last, hand_on("best.pt"));
    wsi::write_file(hand_on("model.json"), trainer.model_card());
  }
  wsi::write_file(hand_on("metrics.csv"), metrics_csv(history));
  wsi::write_file(hand_on("metrics.jsonl"), metrics_jsonl(history));
  wsi::write_file(hand_on("events.out.tfevents.flowrun"), tensorboard_events(history));
#ifdef FLOWRUN_PLPLOT
  draw_curves(history, hand_on("curves.png"));
  draw_curves(history, hand_on("curves.svg"));
#endif
  return is_best;
}

std::string fold_folder(std::size_t fold) {
  return fmt::format("fold_{}", fold);
}

std::size_t folds_in(const fs::path& dir) {
  std::size_t folds = 0;
  while (fs::exists(dir / fold_folder(folds) / "best.pt")) ++folds;
  return folds;
}

void refuse_other_models(const fs::path& dir, std::size_t folds) {
  const auto refuse = [&](const fs::path& file) {
    if (fs::exists(file))
      throw Error(fmt::format(
          "{} is of an earlier training and this one, {}, would not replace it: choose another `dir`, or "
          "remove "
          "what the earlier one left there",
          file.string(),
          folds > 0 ? fmt::format("in {} fold{}", folds, folds == 1 ? "" : "s") : "without folds"));
  };
  if (!fs::is_directory(dir)) return;
  if (folds > 0) refuse(dir / "best.pt");
  for (const auto& entry : fs::directory_iterator(dir)) {
    const std::string name = entry.path().filename().string();
    std::size_t fold = 0;
    if (!name.starts_with("fold_")) continue;
    std::from_chars(name.data() + 5, name.data() + name.size(), fold);
    if (name == fold_folder(fold) && fold >= folds) refuse(entry.path() / "best.pt");
  }
}

}  // namespace flowrun::torch_nodes
