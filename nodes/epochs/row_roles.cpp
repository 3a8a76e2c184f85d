// SPDX-License-Identifier: Apache-2.0
#include "row_roles.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <map>
#include <set>
#include <tuple>

#include "nodes/table/slide_names.h"
#include "nodes/table/some_of.h"

namespace flowrun::wsi {
namespace {

FoldMember member_of(const Samples& samples, const Samples::Row& row) {
  const Samples::SlideEntry& slide = samples.slides[row.slide];
  if (slide.file.name.empty())
    throw Error(fmt::format("{}: the sample has no slide, by which folds are made; add the column 'slide'",
                            samples.name_of(row)));
  return {slide.file.name, slide.patient};
}

/// One patient's slides must not be taken for those of several, as folds would test what they trained with.
void name_patients(std::vector<FoldMember>& members, std::vector<std::string>& said) {
  const FoldMember *with = nullptr, *without = nullptr;
  for (const FoldMember& member : members) (member.patient.empty() ? without : with) = &member;
  if (with && without)
    throw Error(
        fmt::format("slide '{}' is of patient '{}', but '{}' has no patient, so folds may test what they "
                    "trained with: give it one",
                    with->slide, with->patient, without->slide));
  if (!without) return;
  for (FoldMember& member : members) member.patient = member.slide;
  said.emplace_back("each slide is taken as of a patient of its own; add the column patient");
}

}  // namespace

RowRoles::RowRoles(const std::vector<bool>& validation, std::size_t first_test) {
  for (const Role role : {Role::train, Role::validation, Role::test}) members_.emplace_back().roles = {role};
  for (std::size_t row = 0; row < validation.size(); ++row)
    member_.push_back(row >= first_test ? 2 : validation[row] ? 1 : 0);
}

RowRoles::RowRoles(const Samples& samples, const std::vector<std::uint32_t>& labels,
                   const std::vector<std::string>& classes, std::size_t first_test,
                   const FoldOptions& options, std::vector<std::string>& said) {
  std::map<std::tuple<std::uint32_t, std::uint32_t, bool>, std::uint32_t> known;  // slide, label, held out
  for (std::size_t i = 0; i < samples.rows.size(); ++i) {
    const Samples::Row& row = samples.rows[i];
    const std::uint32_t label = labels.empty() ? 0 : labels[i];
    const bool held_out = i >= first_test;
    const auto [it, is_new] =
        known.try_emplace({row.slide, label, held_out}, static_cast<std::uint32_t>(members_.size()));
    if (is_new) {
      FoldMember& member = members_.emplace_back(member_of(samples, row));
      member.label = label;
      member.held_out = held_out;
    }
    member_.push_back(it->second);
  }
  name_patients(members_, said);
  std::vector<FoldMember*> members;
  for (FoldMember& member : members_) members.push_back(&member);
  if (options.splits) {
    const auto files = split_files(*options.splits);
    folds_ = files.size();
    if (const auto unknown = read_splits(files, members, slide_stem); !unknown.empty())
      said.push_back(fmt::format("{} slides of {} have no samples: {}", unknown.size(),
                                 options.splits->string(), some_of(unknown)));
    for (std::string& text : said_of_unused(members, folds_)) said.push_back(std::move(text));
  } else {
    folds_ = options.folds;
    const auto left_out = deal_folds(members, folds_, options.validation, options.seed);
    const std::set<std::string> slides(left_out.begin(), left_out.end());  // each may be there by class
    if (!slides.empty())
      said.push_back(
          fmt::format("{} slides are left out of training, as test_csv has others of their patients: {}",
                      slides.size(), some_of({slides.begin(), slides.end()})));
  }
  for (std::string& text : said_of_folds(members, folds_, classes, options.splits || options.validation > 0))
    said.push_back(std::move(text));
}

std::vector<std::uint32_t> RowRoles::rows(Role role, std::size_t fold) const {
  std::vector<std::uint32_t> out;
  for (std::uint32_t row = 0; row < member_.size(); ++row)
    if (of(row, fold) == role) out.push_back(row);
  return out;
}

std::size_t RowRoles::evaluated() const {
  std::size_t count = 0;
  for (std::size_t row = 0; row < member_.size(); ++row)
    for (std::size_t fold = 0; fold < folds_; ++fold)
      count += of(row, fold) == Role::validation || of(row, fold) == Role::test;
  return count;
}

}  // namespace flowrun::wsi
