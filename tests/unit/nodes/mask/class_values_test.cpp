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
    file.regions.push_back({file.classes.size(), {{{0, 0}, {9, 0}, {9, 9}}}});
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

TEST_CASE("holes belong to their layer whatever their class") {
  Names notes;
  AnnotationFile file = file_of({"fat", "tumor"});
  file.regions.insert(file.regions.begin() + 1, {0, {{{2, 2}, {3, 2}, {3, 3}}}, 7, true});
  const ClassMask mask = make_class_mask(file, {{{"tumor", 1}}}, 10, 10, notes);
  CHECK(values_of(mask) == std::vector{0, 1});
  CHECK(mask.regions()[0].hole);
  CHECK(mask.regions()[0].layer == 7);
}

TEST_CASE("classes are drawn in the order that is asked for, those of value 0 last") {
  Names notes;
  const AnnotationFile file = file_of({"fat", "cut", "TUMOR", "stroma", "gland"});
  const std::map<std::string, int> values{{"fat", 1}, {"cut", 0}, {"tumor", 2}, {"stroma", 3}, {"gland", 4}};
  CHECK(values_of(make_class_mask(file, {values}, 10, 10, notes)) == std::vector{1, 2, 3, 4, 0});
  CHECK(values_of(make_class_mask(file, {values, false, {"stroma", "tumor"}}, 10, 10, notes)) ==
        std::vector{1, 4, 3, 2, 0});
  CHECK(misplaced_name({"Tumor", "cut"}, values).empty());
  CHECK(misplaced_name({"tumor", "necrosis"}, values) == "necrosis");
  CHECK(misplaced_name({"a", "b", "A"}, {}) == "A");
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

TEST_CASE("regions outside of the slide are noted") {
  Names notes;
  AnnotationFile file = file_of({"a", "b", "c"});
  file.regions[0].rings[0] = {{20, 5}, {30, 5}, {30, 9}};
  file.regions[1].rings[0] = {{-9, -9}, {-1, -9}, {-1, -3}};
  make_class_mask(file, {}, 20, 10, notes);
  CHECK(notes == Names{"2 of 3 regions lie outside of the slide, which has 20 x 10 pixels"});
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
