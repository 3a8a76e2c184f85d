// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>

#include "collector.h"
#include "journal.h"
#include "steps.h"

namespace flowrun::wsi::collect {

/// Takes the steps of plans, and writes down in a result what came of them.
class PlanRunner {
 public:
  /// `delete_others`: whether steps that delete, of an interrupted run, may be taken if the user agrees.
  PlanRunner(const CollectCalls& calls, CollectResult& result, bool delete_others)
      : calls_(calls), result_(result), delete_others_(delete_others) {}

  /// A new plan, just written.
  void run(const Plan& plan, const Journal& journal, int number);
  /// The plan of an interrupted run.
  void go_on(const Journal& journal, int number);
  /// Takes all steps of all plans back, newest first, and removes what they leave in `slides`. The folder
  /// must be locked.
  void undo_all(const Journal& journal, const std::filesystem::path& slides);
  /// Only what would be done.
  void pretend(const Plan& plan);
  void pretend_back(const Plan& plan);
  /// The user wanted an end, or a disk is full: nothing more is to be begun.
  bool stopped() const { return stopped_; }

 private:
  void take_all(const Plan& plan, const Steps& steps, bool may_delete);
  void take_together(const Plan& plan, const Steps& steps, std::size_t first, std::size_t end);
  bool take(const Plan& plan, const Steps& steps, std::size_t index);
  bool take_back_all(const Plan& plan, int number);
  void record(const Plan& plan, const Operation& operation);
  void record_back(const Plan& plan, const Operation& operation);
  void failed(const Plan& plan, const Operation& operation, const std::string& message);
  bool interrupted();

  const CollectCalls& calls_;
  CollectResult& result_;
  const bool delete_others_;
  bool stopped_ = false;
};

}  // namespace flowrun::wsi::collect
