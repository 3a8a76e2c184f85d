// SPDX-License-Identifier: Apache-2.0
#include <flowrun/version.h>

#include <CLI/CLI.hpp>

#include "commands.h"
#include "say.h"

namespace flowrun::cli {
namespace {

/// Text as troff takes it: nothing in it is a request, and hyphens are those of options.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

void print_options(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    if (option == app.get_help_ptr() && app.get_parent()) continue;  // the same of every command
    const std::string type = option->get_type_name().empty() ? "" : " " + option->get_type_name();
    const std::string name =
        option->get_positional() ? option->get_name() : option->get_name(false, true) + type;
    print(".TP\n.B {}\n{}\n", plain(name), plain(option->get_description()));
  }
}

void print_commands(const CLI::App& app, const std::string& before) {
  for (const CLI::App* command : app.get_subcommands({})) {
    const std::string name = before + command->get_name();
    print(".SS {}\n{}\n", plain(name), plain(command->get_description()));
    print_options(*command);
    print_commands(*command, name + " ");
  }
}

}  // namespace

int print_manual(const CLI::App& app, Plugins& plugins) {
  print(".TH FLOWRUN 1 \"\" \"flowrun {}\" \"User Commands\"\n", FLOWRUN_VERSION);
  print(".SH NAME\nflowrun \\- dataflow for whole\\-slide images, in bounded memory\n");
  print(".SH SYNOPSIS\n.B flowrun\nGRAPH [OPTIONS]\n.br\n.B flowrun\nCOMMAND [OPTIONS]\n");
  print(".SH DESCRIPTION\nRuns graphs of stages on slides: GRAPH is a YAML file, as by the command run.\n");
  print(".SH OPTIONS\n");
  print_options(app);
  print(".SH COMMANDS\n");
  print_commands(app, "");
  for (const std::string& name : plugins.command_names())
    print(".SS {}\n{}\nIts options: flowrun {} \\-\\-help\n", plain(name),
          plain(plugins.command(name)->summary), plain(name));
  print(".SH EXIT STATUS\n");
  const std::pair<int, const char*> codes[] = {
      {0, "All done."},
      {1, "Something failed; it is listed."},
      {2, "Wrong usage, or a wrong graph; nothing was run."},
      {3, "Done, but packets were left out by on_error: skip, or files that cannot be used."},
      {130, "Interrupted; what is whole is kept."}};
  for (const auto& [code, meaning] : codes) print(".TP\n.B {}\n{}\n", code, plain(meaning));
  return 0;
}

}  // namespace flowrun::cli
