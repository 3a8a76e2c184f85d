// SPDX-License-Identifier: Apache-2.0
#include "view_command.h"

#include <flowrun/error.h>
#include <spawn.h>
#include <sys/random.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <boost/dll/runtime_symbol_info.hpp>
#include <cstdlib>

#include "http_server.h"
#include "nodes/base/say.h"
#include "viewer.h"

namespace flowrun::view {
namespace {

using wsi::say_to;

std::string random_token() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<::ssize_t>(bytes.size()))
    throw Error("the system gives no random numbers for the link's token");
  std::string token;
  for (const unsigned char byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

void open_browser(std::string link) {
  if (!std::getenv("DISPLAY") && !std::getenv("WAYLAND_DISPLAY")) return;
  std::string name = "xdg-open";
  char* const arguments[] = {name.data(), link.data(), nullptr};
  ::pid_t child = 0;
  // Where there is none, the link that was printed is the way.
  ::posix_spawnp(&child, "xdg-open", nullptr, nullptr, arguments, environ);
}

int run(std::span<const std::string> arguments) {
  CLI::App app("Shows slides, and what runs made of them, in the browser, until Ctrl-C.", "flowrun view");
  std::vector<std::filesystem::path> places;
  HttpOptions options;
  bool no_browser = false;
  app.add_option("PATH", places, "output folder of runs, slide, glob pattern, folder or list")->required();
  app.add_option("--port", options.port, "port to listen at; any free one, if not given");
  const auto* host =
      app.add_option("--host", options.address,
                     "IP address to listen at, for other machines, too: the link then has a token");
  app.add_flag("--no-browser", no_browser, "print the link only");
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  try {
    if (host->count() > 0) options.token = random_token();
    const std::filesystem::path library = boost::dll::this_line_location();  // PREFIX/lib/flowrun/view.so
    Viewer viewer(places, library.parent_path().parent_path().parent_path() / "share/flowrun/view");
    serve_http(
        options, [&](const std::string& path) { return viewer.answer(path); },
        [&](const std::string& link) {
          say_to(stdout, "{}\n", link);
          std::fflush(stdout);
          if (!no_browser) open_browser(link);
        });
  } catch (const std::exception& problem) {
    say_to(stderr, "error: {}\n", problem.what());
    return 1;
  }
  return 0;
}

}  // namespace

Command view_command() {
  return {"view", "Shows slides, and what runs made of them, in the browser.", run};
}

}  // namespace flowrun::view
