// SPDX-License-Identifier: Apache-2.0
#include "stains_file.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <optional>

#include "nodes/image/image_file.h"

namespace flowrun::wsi {
namespace {

std::string list(const cv::Vec3d& v) {
  return fmt::format("[{}, {}, {}]", v[0], v[1], v[2]);
}

cv::Vec3d column(const StainMatrix& matrix, int stain) {
  return {matrix(0, stain), matrix(1, stain), matrix(2, stain)};
}

/// Reads the parts of one file, and says where what is wrong stands.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path) {}

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& problem) const {
    throw Error(fmt::format("{}:{}:{}: {}", path_.string(), mark.line + 1, mark.column + 1, problem));
  }
  YAML::Node part(const YAML::Node& of, const std::string& name) const {
    if (!of.IsMap()) fail(of.Mark(), "expected a map; see stains.yaml as fit_stains writes it");
    YAML::Node found = of[name];
    if (!found) fail(of.Mark(), fmt::format("there is no '{}'", name));
    return found;
  }
  double number(const YAML::Node& node, const char* what) const {
    double value = 0;
    if (!node.IsScalar() || !YAML::convert<double>::decode(node, value) || !std::isfinite(value))
      fail(node.Mark(), fmt::format("expected {}", what));
    return value;
  }
  cv::Vec3d three(const YAML::Node& node) const {
    if (!node.IsSequence() || node.size() != 3) fail(node.Mark(), "expected three numbers");
    return {number(node[0], "a number"), number(node[1], "a number"), number(node[2], "a number")};
  }
  double positive(const YAML::Node& node) const {
    const double value = number(node, "a number above 0");
    if (value <= 0) fail(node.Mark(), fmt::format("expected a number above 0, found {}", value));
    return value;
  }
  double not_zero(const YAML::Node& node) const {
    const double value = number(node, "a number that is not 0");
    if (std::abs(value) < 1e-6)
      fail(node.Mark(), fmt::format("expected a number that is not 0, found {}", value));
    return value;
  }
  std::string word(const YAML::Node& node) const {
    if (!node.IsScalar()) fail(node.Mark(), "expected a text");
    return node.Scalar();
  }

 private:
  const std::filesystem::path& path_;
};

}  // namespace

std::string StainsFile::text() const {
  const auto stain = [&](int i) {
    return fmt::format("{{od: {}, maximum: {}}}", list(column(report.stains.matrix, i)),
                       report.stains.maxima[i]);
  };
  const auto& rest = report.stains.residual;
  const std::string residual = rest ? fmt::format("residual: {{maximum: {}}}\n", *rest) : "";
  return fmt::format(
      "# The stains of slides, as a target for `normalize`: optical densities of R, G, B for one unit of "
      "each\n"
      "# stain, and the 99th percentile of its concentration.\n"
      "flowrun_stains: 1\nmethod: {}\nio: {}\nplus_one: {}\nof: {}\nhematoxylin: {}\neosin: {}\n"
      "{}lab: {{space: {}, mean: {}, deviation: {}}}\n",
      method, io, plus_one, of, stain(0), stain(1), residual, name_of(report.lab.space),
      list(report.lab.mean), list(report.lab.deviation));
}

StainsFile StainsFile::read(const std::filesystem::path& path) {
  if (const std::string kind = picture_kind(path); !kind.empty())
    throw Error(
        fmt::format("{}: is a {} file; expected a stains.yaml, as fit_stains makes them of slides and of "
                    "tiles",
                    path.string(), kind));
  const Reader reader(path);
  YAML::Node root;
  try {
    root = YAML::LoadFile(path.string());
  } catch (const YAML::BadFile&) {
    throw Error(fmt::format("{}: cannot be opened", path.string()));
  } catch (const YAML::ParserException& problem) {
    reader.fail(problem.mark, problem.msg);
  }
  if (root.IsNull() || !root.IsMap() || !root["flowrun_stains"])
    throw Error(
        fmt::format("{}: is no file of stains: it does not begin with flowrun_stains: 1", path.string()));
  if (reader.word(root["flowrun_stains"]) != "1")
    reader.fail(root["flowrun_stains"].Mark(), "this flowrun reads version 1");
  StainsFile file;
  file.method = reader.word(reader.part(root, "method"));
  file.io = reader.positive(reader.part(root, "io"));
  if (root["plus_one"] && !YAML::convert<bool>::decode(root["plus_one"], file.plus_one))
    reader.fail(root["plus_one"].Mark(), "expected true or false");
  if (root["of"]) file.of = reader.word(root["of"]);
  const char* const names[] = {"hematoxylin", "eosin"};
  for (int i = 0; i < 2; ++i) {
    const YAML::Node stain = reader.part(root, names[i]);
    const cv::Vec3d od = reader.three(reader.part(stain, "od"));
    for (int c = 0; c < 3; ++c) file.report.stains.matrix(c, i) = od[c];
    file.report.stains.maxima[i] = reader.positive(reader.part(stain, "maximum"));
  }
  if (root["residual"])
    file.report.stains.residual = reader.not_zero(reader.part(root["residual"], "maximum"));
  if (!usable(file.report.stains))
    reader.fail(reader.part(root, "eosin").Mark(), "both stains have one colour");
  const YAML::Node lab = reader.part(root, "lab");
  if (lab.IsMap() && lab["space"]) try {
      file.report.lab.space = lab_space(reader.word(lab["space"]));
    } catch (const Error& problem) {
      reader.fail(lab["space"].Mark(), problem.what());
    }
  file.report.lab.mean = reader.three(reader.part(lab, "mean"));
  const YAML::Node deviation = reader.part(lab, "deviation");
  file.report.lab.deviation = reader.three(deviation);
  for (int i = 0; i < 3; ++i)
    if (file.report.lab.deviation[i] <= 0) reader.fail(deviation.Mark(), "expected three numbers above 0");
  return file;
}

}  // namespace flowrun::wsi
