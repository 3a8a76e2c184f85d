// SPDX-License-Identifier: Apache-2.0
#include <flowrun/version.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <fstream>
#include <sstream>

#include "commands.h"
#include "say.h"

namespace flowrun::cli {
namespace {

namespace fs = std::filesystem;

/// The name is that of a library, of a file and of a node type.
bool is_name(const std::string& name) {
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' &&
         std::ranges::all_of(name, [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

/// "ki67_counter" as a class: "Ki67Counter".
std::string class_name(const std::string& name) {
  std::string out;
  bool begins = true;
  for (const char c : name) {
    if (c != '_') out += begins && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    begins = c == '_';
  }
  return out;
}

/// The version that find_package asks for: "0.1" of "0.1.0".
std::string minor_version() {
  const std::string whole = FLOWRUN_VERSION;
  return whole.substr(0, whole.rfind('.'));
}

std::string filled_in(std::string text, const std::string& name) {
  const std::pair<std::string, std::string> values[] = {
      {"@name@", name}, {"@Name@", class_name(name)}, {"@version@", minor_version()}};
  for (const auto& [mark, value] : values)
    for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size())
      text.replace(at, mark.size(), value);
  return text;
}

void copy_filled_in(const fs::path& from, const fs::path& to, const std::string& name) {
  std::ifstream in(from, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  std::ofstream out(to, std::ios::binary);
  out << filled_in(text.str(), name);
  out.close();
  if (!in || !out) throw Error(fmt::format("cannot write {}", to.string()));
}

fs::path template_folder() {
  const fs::path program = boost::dll::program_location();
  return program.parent_path().parent_path() / "share/flowrun/templates/plugin";
}

}  // namespace

int new_plugin(const Plugins& plugins, const std::string& name) {
  if (!is_name(name)) {
    say("error: '{}' is no name for a plugin: it begins with one of a-z, then a-z, 0-9 and _\n", name);
    return 2;
  }
  const auto taken = plugins.node_names();
  if (std::ranges::find(taken, name) != taken.end()) {
    say("error: there is a node type '{}' already; choose another name\n", name);
    return 2;
  }
  if (fs::exists(fs::symlink_status(name))) {
    say("error: {} exists already; nothing was written\n", name);
    return 2;
  }
  std::vector<std::string> files;
  try {
    const fs::path unfinished = "." + name + ".unfinished";
    fs::remove_all(unfinished);
    fs::create_directory(unfinished);
    for (const auto& entry : fs::directory_iterator(template_folder())) {
      files.push_back(filled_in(entry.path().filename().string(), name));
      copy_filled_in(entry.path(), unfinished / files.back(), name);
    }
    fs::rename(unfinished, name);
  } catch (const fs::filesystem_error& problem) {
    throw Error(fmt::format("{}: {}", problem.path1().string(), problem.code().message()));
  }
  std::ranges::sort(files);
  for (const std::string& file : files) print("{}/{}\n", name, file);
  const fs::path beside = template_folder() / "../../../..";
  const bool installed = fs::exists(beside / "lib/cmake/flowrun/flowrunConfig.cmake");
  const std::string prefix =
      installed ? beside.lexically_normal().parent_path().string() : "<where flowrun is installed>";
  print(
      "\nbuild and test it:\n"
      "  cmake -S {0} -B {0}/build -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH={1}\n"
      "  cmake --build {0}/build\n"
      "  ctest --test-dir {0}/build --output-on-failure\n",
      name, prefix);
  return 0;
}

}  // namespace flowrun::cli
