// SPDX-License-Identifier: Apache-2.0
#include "nodes/mask/class_values.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>

using namespace flowrun;
using namespace flowrun::wsi;

namespace {

using Names = std::vector<std::string>;
using Rgb = std::array<std::uint8_t, 3>;

AnnotationFile file_of(const Names& names) {
  AnnotationFile file;
  for (const std::string& name : names) {
    file.regions.push_back({file.classes.size(), false, {{{0, 0}, {9, 0}, {9, 9}}}});
    file.classes.push_back({name, {}});
  }
  return file;
}

std::vector<int> values_of(const ClassMask& mask) {
  std::vector<int> values;
  for (const Region& region : mask.regions()) values.push_back(region.value);
  return values;
}

}  // namespace

TEST_CASE("without values, classes are numbered by appearance") {
  Names notes;
  AnnotationFile file = file_of({"tumor", "stroma", "Tumor"});
  file.classes[1].rgb = Rgb{1, 2, 3};
  file.notes = {"said by the reader"};
  const ClassMask mask = make_class_mask(file, {}, 10, 10, notes);
  CHECK(values_of(mask) == std::vector{1, 2, 1});
  CHECK(mask.classes().size() == 2);
  CHECK(mask.find("tumor")->value == 1);
  CHECK(mask.find(2)->name == "stroma");
  CHECK(mask.find(2)->rgb == Rgb{1, 2, 3});
  CHECK(mask.find(1)->rgb == Rgb{214, 39, 40});
  CHECK(notes == Names{"said by the reader"});
}

TEST_CASE("values that are given hold for every slide, and others are left out") {
  Names notes;
  const ClassValues classes{{{"tumor", 7}, {"Stroma", 3}, {"exclude", 0}, {"necrosis", 3}}};
  const ClassMask mask =
      make_class_mask(file_of({"STROMA", "fat", "tumor", "exclude", "fat "}), classes, 10, 10, notes);
  CHECK(values_of(mask) == std::vector{3, 7, 0});
  CHECK(mask.classes().size() == 3);
  CHECK(mask.find("Stroma")->value == 3);
  CHECK(mask.find("necrosis")->value == 3);
  CHECK(!mask.find("exclude"));
  CHECK(notes == Names{"1 region of class 'fat', which `classes` does not have, left out",
                       "1 region of class 'fat ', which `classes` does not have, left out"});
}

TEST_CASE("others can be refused") {
  Names notes;
  CHECK_THROWS_WITH_AS(
      make_class_mask(file_of({"fat"}), {{{"tumor", 1}}, true}, 10, 10, notes),
      "a region is of class 'fat', which `classes` does not have; add it, or say other: ignore", Error);
}

TEST_CASE("holes keep their place whatever their class") {
  Names notes;
  AnnotationFile file = file_of({"fat", "tumor"});
  file.regions.insert(file.regions.begin() + 1, {0, true, {{{2, 2}, {3, 2}, {3, 3}}}});
  const ClassMask mask = make_class_mask(file, {{{"tumor", 1}}}, 10, 10, notes);
  CHECK(values_of(mask) == std::vector{0, 1});
}

TEST_CASE("255 names fit, 256 do not") {
  Names names, notes;
  for (int i = 0; i < 255; ++i) names.push_back("class " + std::to_string(i));
  const ClassMask mask = make_class_mask(file_of(names), {}, 10, 10, notes);
  CHECK(mask.find("class 254")->value == 255);
  names.push_back("Class 254");
  CHECK(values_of(make_class_mask(file_of(names), {}, 10, 10, notes)).back() == 255);
  names.push_back("one more");
  CHECK_THROWS_AS(make_class_mask(file_of(names), {}, 10, 10, notes), Error);
}

TEST_CASE("an annotation without regions is noted") {
  Names notes;
  make_class_mask({}, {}, 10, 10, notes);
  CHECK(notes == Names{"the annotations have no regions"});
}

TEST_CASE("names that differ only in case are found") {
  CHECK(alike_names({{"Tumor", 1}, {"tumor", 2}}) == "'Tumor' and 'tumor'");
  CHECK(alike_names({{"tumor", 1}, {"tumors", 2}}).empty());
}
