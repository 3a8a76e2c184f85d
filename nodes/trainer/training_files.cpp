// SPDX-License-Identifier: Apache-2.0
#include "training_files.h"

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

}  // namespace flowrun::torch_nodes
