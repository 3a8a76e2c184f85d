// SPDX-License-Identifier: Apache-2.0
// Epochs::describe: the page of the node, and its options.
#include "epochs.h"
#include "nodes/slide/samples.h"

namespace flowrun::wsi {

void Epochs::describe(Description<Epochs>& d) {
  d.summary("Opens the epochs of a training: which samples are drawn, and in which order.")
      .details(
          "Samples are rows of train_csv (and val_csv), or what `index` gathered in the same graph; `load` "
          "reads their pixels. A row is a tile image (columns path, label; paths are relative to the table), "
          "or a place in a slide (slide, x, y, level, size, mpp, label): a tiles.csv of `save` is both, and "
          "is read straight from the slides when `slides` says where they are. Columns weight, patient "
          "and color (stored, icc: as `read` has it) are optional; of slides the list that names them may "
          "have the patient. `validation` splits off "
          "that share of each class, whole slides or patients at a time (split_by). What two of training, "
          "validation and test share (images; without folds slides and patients too) is told, and so are "
          "slides "
          "in no part of a fold of `splits`. With `folds` or `splits` one model is trained "
          "for "
          "each fold, one after the other, as by train_mil: whole patients (or slides, where none has a "
          "patient) are dealt to folds, those of each class by themselves; each part is the test set of one "
          "fold, and of the other patients `validation` is the share that the best epoch is chosen by. "
          "Samples "
          "of `test_csv` are tested in each epoch, and by all folds. "
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
  d.option("test_csv", &Epochs::test_csv,
           "table of samples that are tested only: of folds no sample of their patients is trained with");
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
  d.option("validation", &Epochs::validation,
           "share of the samples to validate with instead of val_csv; of a fold's patients, 0.2 if not given")
      .above(0)
      .at_most(0.9);
  d.option("folds", &Epochs::folds,
           "parts that patients are dealt to, for a model each; 1: a single one, with nothing to test but "
           "test_csv; not given: samples are in no folds")
      .at_least(1)
      .at_most(100);
  d.option("splits", &Epochs::splits,
           "CLAM's splits_0.csv, ..., (columns train, val, test, with names of slides): their folder, or one "
           "of them");
  d.option("split_by", &Epochs::split_by, "what `validation` keeps together; folds keep patients together")
      .choices({"slide", "patient"});
  d.option(
       "sampling", &Epochs::sampling,
       "each sample once; or each class equally often; or with a chance in proportion to the column weight")
      .choices({"each", "balanced", "weighted"});
  d.option("samples_per_epoch", &Epochs::samples_per_epoch,
           "samples drawn for an epoch; as many as there are for training, if not given")
      .at_least(1)
      .at_most(4e9);
  d.option("count", &Epochs::count, "epochs").at_least(1).at_most(9999);
  d.option("seed", &Epochs::seed, "of the split, of folds and of the order").at_least(0);
  d.option(
       "open_slides", &Epochs::open_slides,
       "most slides that are open at once, each with up to 34 MiB; as many as there are threads, 8 to 16, if "
       "not given")
      .at_least(1)
      .at_most(10000);
}

}  // namespace flowrun::wsi
