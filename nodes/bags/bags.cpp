// SPDX-License-Identifier: Apache-2.0
#include "bags.h"

#include <flowrun/wsi/sample.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <numeric>
#include <set>
#include <utility>

#include "nodes/base/random.h"
#include "nodes/mil/feature_files.h"
#include "nodes/table/folds.h"
#include "nodes/table/some_of.h"

namespace flowrun::torch_nodes {
namespace {

/// By number where all are numbers, else by name.
std::vector<std::string> classes_of(const std::vector<LabelledBag>& bags) {
  std::set<std::string> names;
  for (const LabelledBag& entry : bags) names.insert(entry.label.label);
  std::vector<std::string> classes(names.begin(), names.end());
  const auto number = [](const std::string& text) {
    std::int64_t value = 0;
    const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    return problem == std::errc() && rest == text.data() + text.size() ? std::optional(value) : std::nullopt;
  };
  if (std::ranges::all_of(classes, [&](const std::string& text) { return number(text).has_value(); }))
    std::ranges::sort(classes, {}, number);
  if (classes.size() < 2)
    throw Error(fmt::format("a classifier tells two classes or more apart, but all slides are of class '{}'",
                            classes.front()));
  return classes;
}

BagEpoch epoch_of(const std::shared_ptr<const BagSet>& set, std::uint64_t number) {
  BagEpoch epoch{number, set, std::vector<std::uint32_t>(set->bags.size())};
  std::iota(epoch.order.begin(), epoch.order.end(), 0U);
  wsi::Random(set->seed, number).shuffle(epoch.order);
  return epoch;
}

}  // namespace

void Bags::describe(Description<Bags>& d) {
  d.summary("Opens the epochs of a training of slides, each a bag of features.")
      .details(
          "Features are files as CLAM (h5_files or pt_files), TRIDENT, STAMP or `save_features` write them, "
          "or come "
          "from `save_features` in the same graph; a file's name is the slide's. Labels are a table by slide "
          "(CLAM's "
          "case_id, slide_id, label) or by patient (STAMP's PATIENT; `slide_table` then names the slides, by "
          "PATIENT "
          "and FILENAME; without it a patient's slide has the patient's name). Whole patients are dealt to "
          "folds, "
          "those of each class by themselves: each part is the test set of one fold; of the other patients "
          "`validation` is the share "
          "that the best epoch is chosen by. `splits` takes these from CLAM's tables instead; slides of "
          "`test_labels` are "
          "tested by all folds and trained with by none. All folds are trained beside each other: an epoch "
          "has "
          "each slide once for training and once for evaluation, whatever the number of folds. Which slides, "
          "tiles (`max_tiles`) and order an epoch has depends on seed, epoch and names alone. Slides whose "
          "file is "
          "missing, damaged, empty or of other dimensions than most are left out and told, as are labels "
          "without "
          "features, features without labels, and folds that leave a class out.")
      .example("bags: {type: bags, features: features, labels: labels.csv, folds: 5}")
      .optional_input<FeatureFiles>("files")
      .scope_output<BagEpoch>("epoch")
      .successive();
  d.option("features", &Bags::features,
           "files of features: file, glob pattern, folder, list, or several of these");
  d.option("labels", &Bags::labels, "table with the label of each slide or patient").required();
  d.option("slide_table", &Bags::slide_table, "table with the patient of each slide");
  d.option("slide_column", &Bags::slide_column,
           "of slides; if not given: slide, slide_id, FILENAME or filename");
  d.option("patient_column", &Bags::patient_column,
           "of patients; if not given: patient, case_id or PATIENT; without one each slide is a patient's, "
           "which is "
           "told");
  d.option("label_column", &Bags::label_column, "of classes; if not given: label");
  d.option(
      "classes", &Bags::classes,
      "names in the order of the model's outputs; not given: all labels, sorted. NA, N/A, nan, NaN, null and "
      "None are labels only if named here");
  d.option("targets", &Bags::targets, "columns of numbers to be predicted, instead of a label");
  d.option("folds", &Bags::folds,
           "parts that patients are dealt to, 5 if not given; 1: a single training, with nothing to test but "
           "test_labels")
      .at_least(1)
      .at_most(100);
  d.option("validation", &Bags::validation, "share of a fold's patients to choose the best epoch by")
      .at_least(0)
      .at_most(0.9);
  d.option("splits", &Bags::splits,
           "CLAM's splits_0.csv, ..., (columns train, val, test): their folder, or one of them");
  d.option("test_labels", &Bags::test_labels, "table like `labels`, of slides to be tested only");
  d.option("max_tiles", &Bags::max_tiles,
           "tiles of a slide to train with, drawn anew in each epoch; evaluation takes all")
      .at_least(1);
  d.option("count", &Bags::count, "epochs").at_least(1).at_most(9999);
  d.option("seed", &Bags::seed, "of folds, order and tiles").at_least(0);
}

void Bags::plan(Costs& costs) {
  if (costs.has("files") != features.empty())
    throw OptionError(
        "features",
        features.empty() ? "there are no features" : "features come from the graph and from files",
        "either `from:` a node of type save_features, or features");
  if (splits && folds) throw OptionError("folds", "splits say what they are", "splits or folds");
  if (splits && test_labels)
    throw OptionError("test_labels", "splits say what is tested", "splits or test_labels");
  const auto check_once = [](const char* option, std::vector<std::string> names) {
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
      throw OptionError(option, fmt::format("'{}' is there twice", *twice), "each name once");
  };
  check_once("classes", classes);
  check_once("targets", targets);
  std::size_t count_of_folds = static_cast<std::size_t>(folds.value_or(5));
  if (splits) {
    if (!std::filesystem::exists(*splits))
      throw OptionError("splits", fmt::format("there is no {}", splits->string()));
    count_of_folds = wsi::split_files(*splits).size();
    if (count_of_folds == 0)
      throw OptionError("splits", fmt::format("there is no splits_0.csv in {}", splits->string()));
  }
  costs.out("epoch", count_of_folds << 16);  // of some thousand slides
  costs.tell("epoch", wsi::told_folds, static_cast<std::int64_t>(count_of_folds));
}

Bags::Files Bags::files_of(const Inputs& in) const {
  return in.has("files") ? in.get<FeatureFiles>("files").by_slide : feature_files(features);
}

std::vector<LabelledBag> Bags::labelled(const Files& files, std::vector<std::string>& said) const {
  const LabelColumns columns{slide_column, patient_column, label_column, targets, classes};
  std::map<std::string, LabelledBag> bags;
  std::optional<bool> with_patients;
  const auto add = [&](const std::filesystem::path& table, bool held_out) {
    const BagLabels all(table, slide_table, columns);
    said.insert(said.end(), all.said().begin(), all.said().end());
    if (with_patients.value_or(all.with_patients()) != all.with_patients())
      throw Error(fmt::format(
          "{} says of whom slides are, but {} does not, so patients may be trained with and "
          "tested: give both a column of patients, or name it: patient_column",
          (*with_patients ? labels : table).string(), (*with_patients ? table : labels).string()));
    with_patients = all.with_patients();
    std::vector<std::string> missing;
    for (const auto& [slide, label] : all.all()) {
      const auto file = files.find(slide);
      if (file == files.end()) {
        missing.push_back(slide);
        continue;
      }
      LabelledBag entry{{}, label};
      entry.bag.held_out = held_out;
      entry.bag.slide = slide;
      entry.bag.patient = label.patient.empty() ? slide : label.patient;
      entry.bag.file = file->second;
      if (const auto [known, is_new] = bags.try_emplace(slide, std::move(entry)); !is_new)
        throw Error(fmt::format("{}: '{}' is in {} too", label.place, slide, known->second.label.place));
    }
    if (!missing.empty())
      said.push_back(fmt::format("{} of {} slides in {} have no features: {}", missing.size(),
                                 all.all().size(), table.string(), wsi::some_of(missing)));
  };
  add(labels, false);
  if (test_labels) add(*test_labels, true);
  if (!*with_patients)
    said.emplace_back("each slide is taken as of a patient of its own; name the column: patient_column");
  std::vector<std::string> without_label;
  for (const auto& [slide, file] : files)
    if (!bags.contains(slide)) without_label.push_back(slide);
  if (!without_label.empty())
    said.push_back(fmt::format("{} of {} slides with features have no label: {}", without_label.size(),
                               files.size(), wsi::some_of(without_label)));
  std::vector<LabelledBag> out;
  for (auto& [slide, entry] : bags) out.push_back(std::move(entry));
  return out;
}

BagSet Bags::set_of(const std::vector<LabelledBag>& bags, std::uint64_t dimensions,
                    std::vector<std::string>& said) const {
  if (bags.empty()) throw Error("no slide has a label and features");
  BagSet set;
  set.targets = targets;
  set.epochs = static_cast<std::uint64_t>(count);
  set.seed = static_cast<std::uint64_t>(seed);
  set.dimensions = dimensions;
  if (max_tiles) set.max_tiles = static_cast<std::uint64_t>(*max_tiles);
  if (targets.empty()) set.classes = classes.empty() ? classes_of(bags) : classes;
  for (const LabelledBag& entry : bags) {
    set.with_patients |= !entry.label.patient.empty();
    Bag& bag = set.bags.emplace_back(entry.bag);
    set.target_values.insert(set.target_values.end(), entry.label.targets.begin(), entry.label.targets.end());
    if (!targets.empty()) continue;
    const auto found = std::ranges::find(set.classes, entry.label.label);
    if (found == set.classes.end())
      throw Error(fmt::format("{}: label '{}' is none of the classes {}", entry.label.place,
                              entry.label.label, fmt::join(set.classes, ", ")));
    bag.label = static_cast<std::uint32_t>(found - set.classes.begin());
  }
  std::vector<wsi::FoldMember*> members;
  for (Bag& bag : set.bags) members.push_back(&bag);
  if (splits) {
    const auto files = wsi::split_files(*splits);
    set.folds = files.size();
    if (const auto unknown = wsi::read_splits(files, members, bag_name); !unknown.empty())
      said.push_back(fmt::format("{} slides of {} have no features or label: {}", unknown.size(),
                                 splits->string(), wsi::some_of(unknown)));
    for (std::string& text : wsi::said_of_unused(members, set.folds)) said.push_back(std::move(text));
  } else {
    set.folds = static_cast<std::size_t>(folds.value_or(5));
    const auto without = wsi::deal_folds(members, set.folds, validation, set.seed);
    if (!without.empty())
      said.push_back(
          fmt::format("{} slides in {} are left out of training, as {} has others of their patients: {}",
                      without.size(), labels.string(), test_labels->string(), wsi::some_of(without)));
  }
  for (std::string& text : wsi::said_of_folds(members, set.folds, set.classes, splits || validation > 0))
    said.push_back(std::move(text));
  return set;
}

Scopes Bags::open(Inputs& in) {
  std::vector<std::string> said, left_out;
  std::vector<LabelledBag> bags = labelled(files_of(in), said);
  const std::uint64_t dimensions = read_facts(bags, left_out);
  BagSet set;
  try {
    set = set_of(bags, dimensions, said);
  } catch (const Error& problem) {  // what was left out may be why
    said.insert(said.end(), left_out.begin(), left_out.end());
    if (said.empty()) throw;
    throw Error(fmt::format("{} ({})", problem.what(), fmt::join(said, "; ")));
  }
  const std::string print = fingerprint(set);
  const std::size_t bytes = set.bytes() + set.bags.size() * sizeof(std::uint32_t);
  const std::uint64_t epochs = set.epochs;
  auto next = [all = std::make_shared<const BagSet>(std::move(set)), print, at = std::uint64_t{0},
               told = std::make_shared<std::once_flag>(), said, left_out]() mutable -> std::optional<NewScope> {
    if (at == all->epochs) return {};
    const std::uint64_t number = at++;
    return NewScope{fmt::format("epoch-{:04}", number),
                    {{"bags", print}},
                    [all, number, told, said, left_out](Outputs& out) {
                      std::call_once(*told, [&] {
                        for (const std::string& text : said) out.note(text);
                        for (const std::string& text : left_out) out.leave_out(text);
                      });
                      out.emit("epoch", epoch_of(all, number));
                    }};
  };
  return {std::move(next), epochs, bytes};
}

}  // namespace flowrun::torch_nodes
