// SPDX-License-Identifier: Apache-2.0
#include "epochs.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "class_labels.h"
#include "nodes/base/random.h"
#include "nodes/slide/slide_files.h"
#include "nodes/slide/slide_opener.h"
#include "overlap.h"
#include "reading.h"
#include "sample_table.h"
#include "split.h"
#include "training.h"

namespace flowrun::wsi {
namespace {

/// What a row is for: in each fold, or in the only one.
std::string said_of(const RowRoles& roles, std::size_t row) {
  std::string text;
  for (std::size_t fold = 0; fold < roles.folds(); ++fold) text += name_of(roles.of(row, fold));
  return text == "train" ? "training" : text == "val" ? "validation" : text;
}

bool is_read(const Samples::SlideEntry& slide) {
  return !slide.file.path.empty();
}

/// What a training keeps of each sample that it does not train with, and makes of it at the end: what was
/// said of it in this epoch and the best one, and copies of these, which metrics are computed from; each has
/// what is right and what was said of each output.
constexpr std::size_t bytes_of_evaluated = 900, bytes_of_output = 5 * 2 * sizeof(float);

/// By which a later run sees whether the samples, and what they are for, are the same.
std::string fingerprint(const Samples& samples, const RowRoles& roles) {
  std::uint64_t hash = 0;
  const auto add_file = [&](const std::filesystem::path& path) {
    for (const auto& [what, value] : file_identity(path)) hash = mix(hash, value);
  };
  for (const auto& slide : samples.slides) {
    add_file(slide.file.path);
    if (slide.file.mpp) hash = mix(hash, fmt::format("{}", *slide.file.mpp));
    if (slide.file.color == Color::icc) hash = mix(hash, "icc");
  }
  for (std::size_t i = 0; i < samples.rows.size(); ++i) {
    const Samples::Row& row = samples.rows[i];
    if (!row.image.empty()) add_file(row.image);
    const std::string role = said_of(roles, i);
    hash = mix(hash, fmt::format("{} {} {} {} {} {} {} {} {} {}", row.slide, samples.labels[row.label], row.x,
                                 row.y, row.level, row.size, row.extent.value_or(0), row.mpp.value_or(0),
                                 row.weight, role));
    for (const float target : samples.targets_of(i)) hash = mix(hash, fmt::format("{}", target));
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace

void Epochs::plan(Costs& costs) {
  if (costs.has("samples") == train_csv.has_value())
    throw OptionError("train_csv",
                      train_csv ? "samples come from the graph and from a table" : "there are no samples",
                      "either `from:` a node of type index, or train_csv");
  if (val_csv && !train_csv) throw OptionError("val_csv", "there is no table to train with", "train_csv");
  if (val_csv && validation)
    throw OptionError("validation", "samples to validate with are given twice", "val_csv or validation");
  check_folds();
  if (!slides.empty() && !train_csv)
    throw OptionError("slides", "there is no table that names slides", "train_csv");
  if (!targets.empty() && !train_csv)
    throw OptionError("targets", "samples that were gathered in the graph have no targets", "train_csv");
  for (auto name = targets.begin(); name != targets.end(); ++name)
    if (name->empty() || std::find(targets.begin(), name, *name) != name)
      throw OptionError("targets",
                        fmt::format("'{}' is {}", *name, name->empty() ? "no column" : "there twice"),
                        "names of columns, each once");
  most_open_ =
      open_slides ? static_cast<std::size_t>(*open_slides) : std::clamp<std::size_t>(costs.threads, 8, 16);
  threads_ = costs.threads;
  planned_bytes_ = planned_bytes();
  costs.out("epoch", planned_bytes_);
  costs.tell("epoch", told_folds, splits ? std::ssize(split_files(*splits)) : folds.value_or(0));
}

void Epochs::check_folds() const {
  if (test_csv && !train_csv) throw OptionError("test_csv", "there is no table to train with", "train_csv");
  if (folds && val_csv) throw OptionError("folds", "val_csv says what is validated with", "folds or val_csv");
  if (!splits) return;
  const auto refuse = [](const char* option, const char* what) {
    throw OptionError(option, what, std::string("splits or ") + option);
  };
  if (folds) refuse("folds", "splits say what they are");
  if (val_csv) refuse("val_csv", "splits say what is validated with");
  if (validation) refuse("validation", "splits say what is validated with");
  if (test_csv) refuse("test_csv", "splits say what is tested");
  if (!std::filesystem::exists(*splits))
    throw OptionError("splits", fmt::format("there is no {}", splits->string()));
  if (split_files(*splits).empty())
    throw OptionError("splits", fmt::format("there is no splits_0.csv in {}", splits->string()));
}

std::size_t Epochs::bytes_of(const Samples& samples) const {
  const std::size_t rows = samples.rows.size();
  const std::size_t order = rows + static_cast<std::size_t>(samples_per_epoch.value_or(0));
  const auto slides_read = static_cast<std::size_t>(std::ranges::count_if(samples.slides, is_read));
  return samples.bytes() + rows * (3 * sizeof(std::uint32_t) + sizeof(double)) +
         order * sizeof(std::uint32_t) + std::min(slides_read, most_open_) * open_slide_bytes;
}

/// Where only the run tells what samples there are, as the graph makes or gathers them, their number comes on
/// top.
std::size_t Epochs::planned_bytes() const {
  if (train_csv) try {
      Parts parts;
      const auto samples = samples_of_tables(parts);
      return bytes_of(*samples) + threads_ * most_reading_bytes(*samples);
    } catch (const Error&) {  // is told when they are to be read
    }
  return train_csv && slides.empty() ? 0 : most_open_ * open_slide_bytes;
}

std::shared_ptr<const Samples> Epochs::samples_of(const Inputs& in, Parts& parts) const {
  if (!train_csv) {
    auto gathered = in.share<Samples>("samples");
    parts.first_validation = parts.first_test = gathered->rows.size();
    if (gathered->rows.empty()) throw Error("there is no sample: no tile was gathered");
    return gathered;
  }
  return samples_of_tables(parts);
}

std::shared_ptr<const Samples> Epochs::samples_of_tables(Parts& parts) const {
  const std::vector<ListedSlide> listed = slides.empty() ? std::vector<ListedSlide>{} : list_slides(slides);
  auto samples = std::make_shared<Samples>();
  samples->targets = targets;
  const auto read = [&](const std::filesystem::path& table) {
    const std::size_t before = samples->rows.size();
    read_samples(table, listed, *samples);
    if (samples->rows.size() == before)
      throw Error(fmt::format("{}: the table has no sample", table.string()));
  };
  read(*train_csv);
  parts.first_validation = samples->rows.size();
  if (val_csv) read(*val_csv);
  parts.first_test = samples->rows.size();
  if (test_csv) read(*test_csv);
  return samples;
}

/// Or for testing.
std::vector<bool> Epochs::validation_rows(const Samples& samples, const Parts& parts) const {
  std::vector<bool> rows(samples.rows.size());
  std::fill(rows.begin() + static_cast<std::ptrdiff_t>(parts.first_validation), rows.end(), true);
  if (!validation) return rows;
  std::vector<std::string> groups;
  std::vector<std::uint32_t> labels;
  for (std::size_t i = 0; i < parts.first_validation; ++i) {
    const Samples::Row& row = samples.rows[i];
    const auto& slide = samples.slides[row.slide];
    groups.push_back(split_by == "patient" ? slide.patient : slide.file.name);
    if (groups.back().empty())
      throw Error(
          fmt::format("{}: the sample has no {}, by which validation is split off; add the column '{}'{}",
                      samples.name_of(row), split_by, split_by,
                      samples.tables.empty() ? " to a list of slides for read" : ""));
    labels.push_back(row.label);
  }
  const auto chosen = split_off(groups, labels, *validation, static_cast<std::uint64_t>(seed));
  std::copy(chosen.begin(), chosen.end(), rows.begin());
  return rows;
}

RowRoles Epochs::roles(const Samples& samples, const ClassLabels& names, const Parts& parts,
                       std::vector<std::string>& said) const {
  if (!is_in_folds()) return {validation_rows(samples, parts), parts.first_test};
  std::vector<std::uint32_t> labels;
  if (is_of_classes())
    for (const Samples::Row& row : samples.rows) labels.push_back(names.label[row.label]);
  const FoldOptions options{static_cast<std::size_t>(folds.value_or(1)), validation.value_or(0.2), splits,
                            static_cast<std::uint64_t>(seed)};
  return {samples,          labels,  is_of_classes() ? names.classes : std::vector<std::string>{},
          parts.first_test, options, said};
}

Scopes Epochs::open(Inputs& in) {
  Parts parts;
  const auto samples = samples_of(in, parts);
  ClassLabels names = is_of_classes() ? class_labels(*samples, classes) : any_labels(*samples);
  if (sampling == "balanced" && names.classes.size() < 2)
    throw Error(
        "sampling: balanced draws each class equally often, but samples have no labels of two classes");
  std::vector<std::string> said;
  RowRoles roles = this->roles(*samples, names, parts, said);
  for (std::string& text : said_of_overlap(*samples, roles, is_in_folds())) said.push_back(std::move(text));

  Epoch common;
  std::vector<SlideFile> files;
  for (const auto& slide : samples->slides) files.push_back(slide.file);
  common.slides = std::make_shared<OpenSlides>(std::move(files), most_open_);
  common.samples = samples;
  const Reading reading = reading_of(*samples, *common.slides);
  common.largest_ratio = reading.largest_ratio;
  const std::size_t outputs = std::max(names.classes.size(), targets.size());
  const std::size_t bytes = bytes_of(*samples) + threads_ * reading.bytes +
                            roles.evaluated() * (bytes_of_evaluated + outputs * bytes_of_output);
  const std::string print = fingerprint(*samples, roles);
  const auto all = std::make_shared<const Training>(
      std::move(common), std::move(names), is_of_classes(), std::move(roles), is_in_folds(),
      static_cast<std::uint64_t>(count),
      Drawing{sampling, static_cast<std::uint64_t>(samples_per_epoch.value_or(0)),
              static_cast<std::uint64_t>(seed)});
  const std::uint64_t total = all->epochs() * all->roles().folds();
  auto next = [all, total, print, said, told = std::make_shared<std::once_flag>(), in_folds = is_in_folds(),
               at = std::uint64_t{0}]() mutable -> std::optional<NewScope> {
    if (at == total) return {};
    const std::uint64_t fold = at / all->epochs(), number = at % all->epochs();
    ++at;
    return NewScope{
        in_folds ? fmt::format("fold-{}-epoch-{:04}", fold, number) : fmt::format("epoch-{:04}", number),
        {{"samples", print}},
        [all, fold, number, said, told](Outputs& out) {
          std::call_once(*told, [&] {
            for (const std::string& text : said) out.note(text);
          });
          out.emit("epoch", all->epoch(fold, number));
        }};
  };
  return {std::move(next), total, bytes - std::min(bytes, planned_bytes_)};
}

}  // namespace flowrun::wsi
