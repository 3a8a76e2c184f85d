// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>

#include "commands.h"
#include "report/report.h"
#include "say.h"

namespace flowrun::cli {

int report_run(const std::filesystem::path& output_folder, const std::filesystem::path& file) {
  const auto to = file.empty() ? output_folder / "report.html" : file;
  try {
    write_report(output_folder, to);
  } catch (const Error& problem) {
    say("error: {}\n", problem.what());
    return 1;
  }
  print("{}\n", to.string());
  return all_printed() ? 0 : 1;
}

}  // namespace flowrun::cli
