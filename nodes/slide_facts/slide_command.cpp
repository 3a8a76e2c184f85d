// SPDX-License-Identifier: Apache-2.0
#include "slide_command.h"

#include <flowrun/wsi/slide.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "nodes/base/say.h"
#include "nodes/image/icc.h"
#include "nodes/slide/icc_reader.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi {
namespace {

std::string profile_in_words(const SlideFacts& facts) try {
  const std::vector<std::uint8_t> profile = icc_profile_of(facts);
  return profile.empty() ? "none" : icc_description(profile);
} catch (const Error& problem) {
  return problem.what();
}

void print(const Slide& slide) {
  const SlideFacts& facts = slide.facts();
  const auto known = [](const std::optional<double>& number) {
    return number ? fmt::format("{}", *number) : "unknown";
  };
  say_to(stdout, "{}\n  vendor           {}\n  size             {} x {} pixels\n", facts.path.string(),
         facts.vendor, facts.width(), facts.height());
  say_to(stdout, "  read by          {}\n", slide.reader_name());
  say_to(stdout, "  MPP              {}\n  objective power  {}\n", known(facts.mpp),
         known(facts.objective_power));
  say_to(stdout, "  bounds           {} x {} at x={}, y={}\n", facts.bounds.width, facts.bounds.height,
         facts.bounds.x, facts.bounds.y);
  say_to(stdout, "  background       #{:02x}{:02x}{:02x}\n", facts.background[0], facts.background[1],
         facts.background[2]);
  say_to(stdout, "  ICC profile      {}\n", profile_in_words(facts));
  for (std::size_t i = 0; i < facts.levels.size(); ++i) {
    const Level& level = facts.levels[i];
    say_to(stdout, "  level {:<10} {} x {}, downsample {:.4g}, tiles {} x {}\n", i, level.width, level.height,
           level.downsample, level.tile_width, level.tile_height);
  }
  for (const std::string& note : facts.notes) say_to(stdout, "  note             {}\n", note);
}

int run(std::span<const std::string> arguments) {
  CLI::App app("Prints what is known of slides.", "flowrun slide");
  std::vector<std::string> files;
  app.add_option("PATH", files, "slide, glob pattern, folder or list")->required();
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  int code = 0;
  for (const std::string& file : files) {
    try {
      for (const ListedSlide& slide : list_slides({file})) print(Slide::open(slide.path, slide.name));
    } catch (const Error& problem) {
      say_to(stderr, "error: {}\n", problem.what());
      code = 1;
    }
  }
  return code;
}

}  // namespace

Command slide_command() {
  return {"slide", "Prints what is known of a slide.", run};
}

}  // namespace flowrun::wsi
