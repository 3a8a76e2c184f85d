// SPDX-License-Identifier: Apache-2.0
#include "epochs.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "class_labels.h"
#include "draw.h"
#include "nodes/base/random.h"
#include "nodes/slide/slide_files.h"
#include "nodes/slide/slide_opener.h"
#include "overlap.h"
#include "reading.h"
#include "sample_table.h"
#include "split.h"

namespace flowrun::wsi {
namespace {

/// What all epochs have in common, and how the order of one is drawn.
struct Training {
  Epoch common;
  std::vector<std::uint32_t> training, validation;  // rows
  std::vector<std::uint32_t> labels;                // by row, index into the classes
  std::vector<double> weights;                      // by row
  std::string sampling;
  std::uint64_t seed = 0;

  Epoch epoch(std::uint64_t number) const {
    Epoch epoch = common;
    epoch.number = number;
    const std::size_t count = common.set->training_samples;
    epoch.order = sampling == "balanced"   ? draw_balanced(training, labels, count, seed, number)
                  : sampling == "weighted" ? draw_weighted(training, weights, count, seed, number)
                                           : draw_each(training, count, seed, number);
    epoch.order.insert(epoch.order.end(), validation.begin(), validation.end());
    return epoch;
  }
};

bool is_read(const Samples::SlideEntry& slide) {
  return !slide.file.path.empty();
}

/// By which a later run sees whether the samples are the same.
std::string fingerprint(const Samples& samples, const std::vector<bool>& validation) {
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
    hash = mix(hash, fmt::format("{} {} {} {} {} {} {} {} {} {}", row.slide, samples.labels[row.label], row.x,
                                 row.y, row.level, row.size, row.extent.value_or(0), row.mpp.value_or(0),
                                 row.weight, validation[i] ? "validation" : "training"));
    for (const float target : samples.targets_of(i)) hash = mix(hash, fmt::format("{}", target));
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace

void Epochs::describe(Description<Epochs>& d) {
  d.summary("Opens the epochs of a training: which samples are drawn, and in which order.")
      .details(
          "Samples are rows of train_csv (and val_csv), or what `index` gathered in the same graph; `load` "
          "reads their pixels. A row is a tile image (columns path, label; paths are relative to the table), "
          "or a place in a slide (slide, x, y, level, size, mpp, label): a tiles.csv of `save` is both, and "
          "is read straight from the slides when `slides` says where they are. Columns weight, patient "
          "and color (stored, icc: as `read` has it) are optional; of slides the list that names them may "
          "have the patient. `validation` splits off "
          "that share of each class, whole slides or patients at a time (split_by). What is both trained and "
          "validated with (images, slides, patients) is told. "
          "Which samples an epoch has and in which order depends on the seed and the epoch's number "
          "alone; it is a shuffle of all samples, wherever they are. Epochs come one after the other; a run "
          "that goes on after an interruption skips those that are done.")
      .example(
          "epochs: {type: epochs, train_csv: train.csv, val_csv: val.csv, count: 20, sampling: balanced}")
      .optional_input<Samples>("samples")
      .scope_output<Epoch>("epoch")
      .successive();
  d.option("train_csv", &Epochs::train_csv, "table of the samples to train with");
  d.option("val_csv", &Epochs::val_csv, "table of the samples to validate with, the same in each epoch");
  d.option("slides", &Epochs::slides,
           "where the slides are that the tables name: file, glob pattern, folder or list, or several of "
           "these; not given: samples are tile images, or the column slide has paths");
  d.option(
      "classes", &Epochs::classes,
      "names in the order of the model's outputs; not given: all labels, sorted, of which no two may be one "
      "number (1, 1.0)");
  d.option(
      "targets", &Epochs::targets,
      "columns of the tables with numbers to be predicted: labels, of which a sample has (1) any number or "
      "not (0), for train with task: multilabel, or any numbers, for task: regression; the column label is "
      "then optional");
  d.option("validation", &Epochs::validation, "share of the samples to validate with instead of val_csv")
      .above(0)
      .at_most(0.9);
  d.option("split_by", &Epochs::split_by, "what `validation` keeps together").choices({"slide", "patient"});
  d.option(
       "sampling", &Epochs::sampling,
       "each sample once; or each class equally often; or with a chance in proportion to the column weight")
      .choices({"each", "balanced", "weighted"});
  d.option("samples_per_epoch", &Epochs::samples_per_epoch,
           "samples drawn for an epoch; as many as there are for training, if not given")
      .at_least(1)
      .at_most(4e9);
  d.option("count", &Epochs::count, "epochs").at_least(1).at_most(9999);
  d.option("seed", &Epochs::seed, "of the split and of the order").at_least(0);
  d.option(
       "open_slides", &Epochs::open_slides,
       "most slides that are open at once, each with up to 34 MiB; as many as there are threads, 8 to 16, if "
       "not given")
      .at_least(1)
      .at_most(10000);
}

void Epochs::plan(Costs& costs) {
  if (costs.has("samples") == train_csv.has_value())
    throw OptionError("train_csv",
                      train_csv ? "samples come from the graph and from a table" : "there are no samples",
                      "either `from:` a node of type index, or train_csv");
  if (val_csv && !train_csv) throw OptionError("val_csv", "there is no table to train with", "train_csv");
  if (val_csv && validation)
    throw OptionError("validation", "samples to validate with are given twice", "val_csv or validation");
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
}

std::size_t Epochs::bytes_of(const Samples& samples) const {
  const std::size_t rows = samples.rows.size();
  const std::size_t order = rows + static_cast<std::size_t>(samples_per_epoch.value_or(0));
  const auto slides_read = static_cast<std::size_t>(std::ranges::count_if(samples.slides, is_read));
  return samples.bytes() + rows * (2 * sizeof(std::uint32_t) + sizeof(double)) +
         order * sizeof(std::uint32_t) + std::min(slides_read, most_open_) * open_slide_bytes;
}

/// Where only the run tells what samples there are, as the graph makes or gathers them, their number comes on
/// top.
std::size_t Epochs::planned_bytes() const {
  if (train_csv) try {
      std::size_t first_validation = 0;
      const auto samples = samples_of_tables(first_validation);
      return bytes_of(*samples) + threads_ * most_reading_bytes(*samples);
    } catch (const Error&) {  // is told when they are to be read
    }
  return train_csv && slides.empty() ? 0 : most_open_ * open_slide_bytes;
}

std::shared_ptr<const Samples> Epochs::samples_of(const Inputs& in, std::size_t& first_validation) const {
  if (!train_csv) {
    auto gathered = in.share<Samples>("samples");
    first_validation = gathered->rows.size();
    if (gathered->rows.empty()) throw Error("there is no sample: no tile was gathered");
    return gathered;
  }
  return samples_of_tables(first_validation);
}

std::shared_ptr<const Samples> Epochs::samples_of_tables(std::size_t& first_validation) const {
  const std::vector<ListedSlide> listed = slides.empty() ? std::vector<ListedSlide>{} : list_slides(slides);
  auto samples = std::make_shared<Samples>();
  samples->targets = targets;
  read_samples(*train_csv, listed, *samples);
  first_validation = samples->rows.size();
  if (first_validation == 0) throw Error(fmt::format("{}: the table has no sample", train_csv->string()));
  if (val_csv) {
    read_samples(*val_csv, listed, *samples);
    if (samples->rows.size() == first_validation)
      throw Error(fmt::format("{}: the table has no sample", val_csv->string()));
  }
  return samples;
}

std::vector<bool> Epochs::validation_rows(const Samples& samples, std::size_t first_validation) const {
  std::vector<bool> rows(samples.rows.size());
  std::fill(rows.begin() + static_cast<std::ptrdiff_t>(first_validation), rows.end(), true);
  if (!validation) return rows;
  std::vector<std::string> groups;
  std::vector<std::uint32_t> labels;
  for (const Samples::Row& row : samples.rows) {
    const auto& slide = samples.slides[row.slide];
    groups.push_back(split_by == "patient" ? slide.patient : slide.file.name);
    if (groups.back().empty())
      throw Error(
          fmt::format("{}: the sample has no {}, by which validation is split off; add the column '{}'{}",
                      samples.name_of(row), split_by, split_by,
                      samples.tables.empty() ? " to a list of slides for read" : ""));
    labels.push_back(row.label);
  }
  return split_off(groups, labels, *validation, static_cast<std::uint64_t>(seed));
}

Scopes Epochs::open(Inputs& in) {
  std::size_t first_validation = 0;
  const auto samples = samples_of(in, first_validation);
  const bool of_classes = targets.empty() || !classes.empty();
  const ClassLabels names = of_classes ? class_labels(*samples, classes) : any_labels(*samples);
  if (sampling == "balanced" && names.classes.size() < 2)
    throw Error(
        "sampling: balanced draws each class equally often, but samples have no labels of two classes");
  const std::vector<bool> for_validation = validation_rows(*samples, first_validation);

  Training training;
  training.sampling = sampling;
  training.seed = static_cast<std::uint64_t>(seed);
  for (std::uint32_t row = 0; row < samples->rows.size(); ++row) {
    (for_validation[row] ? training.validation : training.training).push_back(row);
    training.labels.push_back(names.label[samples->rows[row].label]);
    training.weights.push_back(samples->rows[row].weight);
  }
  const auto weighs = [&](std::uint32_t row) { return training.weights[row] > 0; };
  if (std::none_of(training.training.begin(), training.training.end(), weighs))
    throw Error("all samples to train with have weight 0");

  auto set = std::make_shared<SampleSet>();
  set->classes = names.classes;
  set->targets = samples->targets;
  set->some_in_srgb =
      std::ranges::any_of(samples->slides, [](const auto& slide) { return slide.file.color == Color::icc; });
  if (of_classes) set->class_draws = class_samples(*samples, names, for_validation);
  if (sampling == "balanced") set->class_draws.assign(names.classes.size(), 1);
  if (sampling == "weighted") set->class_draws = class_draws_by_weight(*samples, names, for_validation);
  set->epochs = static_cast<std::uint64_t>(count);
  set->training_samples = static_cast<std::uint64_t>(
      samples_per_epoch.value_or(static_cast<std::int64_t>(training.training.size())));
  set->validation_samples = training.validation.size();

  std::vector<SlideFile> files;
  for (const auto& slide : samples->slides) files.push_back(slide.file);
  training.common.slides = std::make_shared<OpenSlides>(std::move(files), most_open_);
  training.common.set = std::move(set);
  training.common.samples = samples;
  training.common.labels = std::make_shared<const std::vector<std::uint32_t>>(names.label);
  const Reading reading = reading_of(*samples, *training.common.slides);
  training.common.largest_ratio = reading.largest_ratio;

  const std::size_t bytes = bytes_of(*samples) + threads_ * reading.bytes;
  auto next = [all = std::make_shared<const Training>(std::move(training)), at = std::uint64_t{0},
               print = fingerprint(*samples, for_validation),
               warning = said_of_overlap(*samples, for_validation)]() mutable -> std::optional<NewScope> {
    if (at == all->common.set->epochs) return {};
    const std::uint64_t number = at++;
    return NewScope{fmt::format("epoch-{:04}", number),
                    {{"samples", print}},
                    [all, number, said = number == 0 ? warning : ""](Outputs& out) {
                      if (!said.empty()) out.note(said);
                      out.emit("epoch", all->epoch(number));
                    }};
  };
  return {std::move(next), static_cast<std::uint64_t>(count), bytes - std::min(bytes, planned_bytes_)};
}

}  // namespace flowrun::wsi
