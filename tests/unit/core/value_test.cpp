// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/value.h>

using namespace flowrun;

namespace {

Value scalar(std::string text, Place place = {}) {
  Value value;
  value.kind = Value::Kind::scalar;
  value.text = std::move(text);
  value.place = place;
  return value;
}

Value map_of(std::vector<std::pair<std::string, Value>> entries) {
  Value value;
  value.kind = Value::Kind::map;
  for (auto& [key, entry] : entries) value.entries.push_back({{key, {}}, std::move(entry)});
  return value;
}

}  // namespace

TEST_CASE("a map of names becomes a map option") {
  std::map<std::string, int> classes{{"left over", 9}};
  convert(map_of({{"tumor", scalar("1")}, {"stroma", scalar("2")}}), classes);
  CHECK(classes == std::map<std::string, int>{{"stroma", 2}, {"tumor", 1}});
  convert(map_of({}), classes);
  CHECK(classes.empty());
}

TEST_CASE("a mistake in an entry of a map is at the entry's place") {
  std::map<std::string, int> classes;
  const Value value = map_of({{"tumor", scalar("1", {3, 10})}, {"stroma", scalar("two", {4, 11})}});
  try {
    convert(value, classes);
    FAIL("nothing was thrown");
  } catch (const ValueError& problem) {
    CHECK(std::string(problem.what()) == "'stroma': expected an integer, found 'two'");
    CHECK(problem.place.line == 4);
    CHECK(problem.place.column == 11);
  }
  CHECK_THROWS_WITH_AS(convert(map_of({{"tumor", Value{}}}), classes),
                       "'tumor': expected an integer, found nothing", ValueError);
}

TEST_CASE("what is no map is no map option") {
  std::map<std::string, int> classes;
  CHECK_THROWS_WITH_AS(convert(scalar("tumor"), classes),
                       "expected a map such as {name: value}, found 'tumor'", Error);
}

TEST_CASE("a map option is printed as YAML") {
  using Map = OptionType<std::map<std::string, int>>;
  CHECK(Map::name() == "map of integer");
  CHECK(Map::text({}) == "{}");
  CHECK(Map::text({{"tumor", 1}, {"stroma", 2}}) == "{stroma: 2, tumor: 1}");
}
