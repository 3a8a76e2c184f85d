// SPDX-License-Identifier: Apache-2.0
#include "collect_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <iostream>
#include <string>

#include "collector.h"
#include "nodes/base/say.h"
#include "nodes/table/slide_list.h"
#include "report.h"

namespace flowrun::wsi {
namespace {

constexpr int done = 0, failed = 1, usage = 2, was_interrupted = 130;

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

/// A second one ends at once: what is half done is finished by the next run.
extern "C" void on_interrupt(int) {
  if (interrupted.exchange(true)) ::_exit(was_interrupted);
}

/// Without SA_RESTART: an interrupt ends the wait for an answer.
void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

struct Arguments {
  collect::CollectOptions options;
  std::filesystem::path undo;
  bool yes = false;
  bool json = false;
};

bool on_terminal() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
}

bool may_delete(const std::vector<std::string>& files, bool yes) {
  bool shown = true;
  for (const std::string& file : files) shown &= say_to(stderr, "  {}\n", printable(file));
  if (yes) return true;
  shown &= say_to(stderr, "Delete these {} files for good? They cannot come back. [y/N] ", files.size());
  std::string answer;
  std::getline(std::cin, answer);
  return shown && !interrupted && (answer == "y" || answer == "Y" || answer == "yes");
}

/// Returns the first mistake, or nothing.
std::string mistake_in(const Arguments& arguments) {
  const auto& options = arguments.options;
  if (!arguments.undo.empty()) {
    if (!options.source.empty() || !options.slides.empty() || !options.logs.empty() || options.delete_others)
      return "--undo takes the folder of the slides and nothing else";
    return "";
  }
  if (options.source.empty()) return "SRC is required: the folder to collect from";
  if (options.slides.empty()) return "--slides is required: the folder to move slides to";
  if (options.delete_others && !arguments.yes && !options.dry_run && !on_terminal())
    return "--delete-others asks before it deletes, and there is no terminal to ask on; look at the list "
           "with --dry-run, then give --yes";
  return "";
}

int collect_or_undo(const Arguments& arguments) {
  collect::CollectCalls calls;
  calls.interrupted = [] { return interrupted.load(); };
  calls.may_delete = [&](auto& files) { return may_delete(files, arguments.yes); };
  calls.say = [](auto& text) { say_to(stderr, "{}\n", text); };
  const bool undo = !arguments.undo.empty();
  const collect::CollectResult result = undo ? collect::undo(arguments.undo, arguments.options.dry_run, calls)
                                             : collect::collect(arguments.options, calls);
  const int code = result.interrupted ? was_interrupted : result.failures.empty() ? done : failed;
  const collect::Tense tense{undo, arguments.options.dry_run};
  if (arguments.json)
    say_to(stdout, "{}\n", collect::report_json(result, tense, code));
  else
    say_to(stdout, "{}", collect::report_text(result, tense));
  say_to(stderr, "{}", collect::report_failures(result));
  if (result.interrupted)
    say_to(stderr, "interrupted: every file is whole; run the same command again to go on\n");
  return code;
}

int run(std::span<const std::string> given) {
  CLI::App app(
      "Moves slides and logs out of nested folders, a folder each for both. Nothing is replaced, nothing "
      "lost: killed, it goes on when run again.",
      "flowrun collect");
  Arguments arguments;
  std::vector<std::string> extensions;
  auto& options = arguments.options;
  app.add_option("SRC", options.source, "folder to collect from, with all below it");
  app.add_option("--slides", options.slides, "folder to move slides to");
  app.add_option("--logs", options.logs,
                 "folder to move *.log and folders called logs to; without it they are left alone");
  app.add_option("--ext", extensions,
                 "extensions of slides: .svs,.ndpi (all of OpenSlide but .vms, .vmu, .dcm)");
  app.add_flag("--delete-others", options.delete_others, "delete other files; lists them and asks first");
  app.add_flag("--yes", arguments.yes, "delete without asking");
  app.add_flag("--dry-run", options.dry_run, "only say what would be done");
  app.add_option("--undo", arguments.undo, "folder of the slides: put all back where it was");
  app.add_flag("--json", arguments.json, "the result as JSON on standard output");
  std::vector<std::string> reversed(given.rbegin(), given.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? done : usage;
  }
  if (const std::string mistake = mistake_in(arguments); !mistake.empty()) {
    say_to(stderr, "error: {}\n", mistake);
    return usage;
  }
  catch_interrupts();
  try {
    options.extensions = collect::parse_extensions("ext", extensions);
    return collect_or_undo(arguments);
  } catch (const OptionError& problem) {
    say_to(stderr, "error: {}: {}{}\n", problem.option == "source" ? "SRC" : "--" + problem.option,
           problem.what(), problem.fix.empty() ? "" : " (" + problem.fix + ")");
    return usage;
  } catch (const std::exception& problem) {
    say_to(stderr, "error: {}\n", problem.what());
    return failed;
  }
}

}  // namespace

Command collect_command() {
  return {"collect", "Moves slides and logs out of nested folders.", run};
}

}  // namespace flowrun::wsi
