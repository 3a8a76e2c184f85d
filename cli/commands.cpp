// SPDX-License-Identifier: Apache-2.0
#include "commands.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <span>
#include <sstream>

#include "say.h"
#include "status_command.h"
#include "submit_command.h"

namespace flowrun::cli {
namespace {

const std::vector<std::string> own_commands{"run",     "check",  "doctor", "draw",   "man",    "new", "nodes",
                                            "plugins", "report", "schema", "status", "submit", "top"};

/// CLI11 takes arguments in reverse.
std::vector<std::string> reversed(std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());
  return arguments;
}

void add_graph_options(CLI::App& app, RunArguments& arguments, std::vector<std::string>& settings,
                       const std::string& threads = "--threads") {
  app.add_option("GRAPH", arguments.graph, "graph file (YAML)")->required();
  app.add_option("--set", settings, "parameter of the graph: --set name=value")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  app.add_option(threads, arguments.plan.threads, "threads, instead of the graph's")->check(CLI::Number);
  app.add_option("--memory", arguments.plan.memory, "bytes in flight, instead of the graph's: '512 MiB'");
}

/// Throws CLI::ValidationError.
Settings parse_settings(const std::vector<std::string>& settings) {
  Settings out;
  for (const std::string& setting : settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos || equals == 0)
      throw CLI::ValidationError("--set", "expected name=value, found '" + setting + "'");
    out[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  return out;
}

int plugin_command(Plugins& plugins, const std::vector<std::string>& arguments) {
  const Command* command = plugins.command(arguments.front());
  return command->run(std::span(arguments).subspan(1));
}

std::string footer(const Plugins& plugins) {
  std::string out = "Commands of plugins (see their --help):";
  for (const std::string& name : plugins.command_names()) out += " " + name;
  return out + "\n\nA graph file may stand where a command does: flowrun graph.yaml";
}

/// The folders after --plugin-dir, which the other arguments' meaning depends on.
std::vector<std::filesystem::path> plugin_folders_in(const std::vector<std::string>& arguments) {
  std::vector<std::filesystem::path> out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string equals = "--plugin-dir=";
    if (arguments[i] == "--plugin-dir" && i + 1 < arguments.size()) out.emplace_back(arguments[i + 1]);
    if (arguments[i].starts_with(equals)) out.emplace_back(arguments[i].substr(equals.size()));
  }
  return out;
}

bool is_graph(const std::string& argument) {
  const std::string extension = std::filesystem::path(argument).extension().string();
  return extension == ".yaml" || extension == ".yml" || std::filesystem::exists(argument);
}

}  // namespace

int run_program(const std::vector<std::string>& given) {
  const auto plugin_folders = plugin_folders_in(given);
  for (const auto& folder : plugin_folders)
    if (!std::filesystem::is_directory(folder)) {
      say("error: --plugin-dir {}: there is no such folder\n", folder.string());
      return 2;
    }
  std::vector<std::string> arguments = given;
  const bool own = !arguments.empty() && std::find(own_commands.begin(), own_commands.end(),
                                                   arguments.front()) != own_commands.end();
  Plugins plugins(plugin_search_path(plugin_folders, {}));
  if (!arguments.empty() && !own && !arguments.front().starts_with("-")) {
    const auto commands = plugins.command_names();
    if (std::find(commands.begin(), commands.end(), arguments.front()) != commands.end())
      return plugin_command(plugins, arguments);
    if (arguments.front() == "view") {
      say("error: 'view' needs flowrun's plugin view, which is not here; build flowrun with it "
          "(FLOWRUN_PLUGINS), "
          "see flowrun plugins\n");
      return 2;
    }
    if (is_graph(arguments.front())) {
      arguments.insert(arguments.begin(), "run");
    } else {
      auto all = own_commands;
      all.insert(all.end(), commands.begin(), commands.end());
      say("error: '{}' is neither a command nor a graph file; {}\n", arguments.front(),
          nearest_name(arguments.front(), all));
      return 2;
    }
  }

  CLI::App app("flowrun: dataflow for whole-slide images, in bounded memory.", "flowrun");
  app.footer(footer(plugins));
  app.set_version_flag("--version", [&] { return versions(plugin_folders); });
  app.fallthrough();
  std::vector<std::string> folders_seen_already;
  app.add_option("--plugin-dir", folders_seen_already, "folder with plugins, searched first")
      ->expected(1)
      ->take_all();

  RunArguments run;
  std::vector<std::string> settings;
  CLI::App* run_app = app.add_subcommand("run", "Runs a graph.");
  add_graph_options(*run_app, run, settings);
  run_app->add_flag("--quiet", run.quiet, "only errors");
  run_app->add_flag("--json", run.json, "the summary as JSON on standard output");
  bool no_report = false;
  run_app->add_flag("--no-report", no_report, "writes no report.html into the output folders");
  run_app->add_flag("--force", run.force, "redo what is done");
  std::string part;
  run_app->add_option("--part", part,
                      "the share of the slides to do, e.g. 3/16; auto: that of this task of a job array (see "
                      "docs/clusters.md)");
  run_app->add_option("--trace", run.trace, "file for a Chrome trace of all calls, waits and leases");
  CLI::App* submit_app = app.add_subcommand(
      "submit", "Checks a graph and submits its run to Slurm: as an array of parts and a job that gathers.");
  SubmitArguments submit;
  add_graph_options(*submit_app, run, settings, "--threads,--cpus-per-task");
  submit_app->add_option("--jobs", submit.jobs, "parts that the slides are shared out to")
      ->required()
      ->check(CLI::Range(1, 1000000));
  std::string engine = "slurm";
  submit_app->add_option("--engine", engine, "who starts the jobs")->check(CLI::IsMember({"slurm"}));
  submit_app->add_option(
      "--mem", submit.memory,
      "bytes that a job may take: '8 GiB'; if not given, those in flight and a third of them");
  submit_app->add_option("--time", submit.time, "time limit of a job, as sbatch takes it");
  submit_app->add_option("--partition", submit.partition, "Slurm's partition");
  submit_app->add_option("--gres", submit.gres, "what else a job needs of its machine: gpu:1");
  submit_app->add_option("--retries", submit.retries, "how often parts that failed are done once more")
      ->check(CLI::Range(0, 100));
  CLI::Option* wait =
      submit_app->add_flag("--wait", submit.wait, "follows the jobs; ends as the one that gathers does");
  submit_app->add_flag("--dry-run", submit.dry_run, "prints the scripts, submits nothing")->excludes(wait);
  submit_app->add_option("OPTIONS", submit.more, "after --: any further options of sbatch");
  CLI::App* check_app = app.add_subcommand("check", "Checks a graph and prints its plan without running it.");
  add_graph_options(*check_app, run, settings);
  CLI::App* doctor_app =
      app.add_subcommand("doctor", "Examines the machine and a folder for outputs: are they fit for runs?");
  std::string folder = ".";
  doctor_app->add_option("FOLDER", folder, "where outputs are to go; here, if not given");
  CLI::App* draw_app =
      app.add_subcommand("draw", "Draws a graph as SVG: nodes, ports, types and bytes of packets.");
  add_graph_options(*draw_app, run, settings);
  bool dot = false;
  draw_app->add_flag("--dot", dot, "in Graphviz's language, not laid out");
  CLI::App* report_app = app.add_subcommand(
      "report", "Makes the report of an output folder's last run: one HTML file that needs no other.");
  std::string reported, report_file;
  report_app->add_option("FOLDER", reported, "output folder of a run")->required();
  report_app->add_option("--output", report_file, "where to; report.html in the folder, if not given");
  CLI::App* status_app = app.add_subcommand(
      "status", "Tells what the runs in an output folder are doing, or how they ended, of all parts.");
  CLI::App* top_app = app.add_subcommand("top", "Follows the runs in an output folder until they end.");
  std::string watched;
  for (CLI::App* one : {status_app, top_app})
    one->add_option("FOLDER", watched, "output folder of a run")->required();
  bool status_json = false;
  status_app->add_flag("--json", status_json, "for programs: a list with what each run told");
  CLI::App* schema_app = app.add_subcommand(
      "schema", "Prints the JSON Schema of graph files, by which editors complete and check them.");
  CLI::App* man_app = app.add_subcommand("man", "Prints the manual page, for man -l.");
  CLI::App* new_app = app.add_subcommand("new", "Makes a project to begin with.")->require_subcommand(1);
  std::string new_name;
  CLI::App* new_plugin_app =
      new_app->add_subcommand("plugin", "A plugin with one node, its test and its graph, in a new folder.");
  new_plugin_app->add_option("NAME", new_name, "name of plugin, node and folder, e.g. nucleus_counter")
      ->required();
  CLI::App* nodes_app = app.add_subcommand("nodes", "Lists node types, or prints all about one.");
  std::string type;
  CLI::Option* type_option = nodes_app->add_option("TYPE", type, "node type");
  bool markdown = false;
  CLI::Option* markdown_option =
      nodes_app->add_flag("--markdown", markdown, "as a page of the documentation")->needs(type_option);
  bool json = false;
  nodes_app->add_flag("--json", json, "for programs")->excludes(markdown_option);
  CLI::App* plugins_app =
      app.add_subcommand("plugins", "Lists the plugin libraries found, and why one was refused.");
  std::string to_describe, to_check;
  CLI::Option* describe =
      plugins_app->add_option("--describe", to_describe, "print the list to put beside this library");
  plugins_app->add_option("--check", to_check, "open this library and make each of its nodes")
      ->excludes(describe);

  try {
    app.parse(reversed(arguments));
    run.plan.settings = parse_settings(settings);
    if (!part.empty()) run.part = part_argument(part);
  } catch (const CLI::ParseError& problem) {
    std::ostringstream out, err;
    const int code = app.exit(problem, out, err) == 0 ? 0 : 2;
    print_text(out.str());
    say_text(err.str());
    return code;
  } catch (const Error& problem) {
    say("error: {}\n", problem.what());
    return 2;
  }
  run.plan.plugin_folders = plugin_folders;
  run.report = !no_report;
  if (app.get_subcommands().empty()) {
    print_text(app.help());
    return 2;
  }
  if (*run_app) return run_graph(run);
  if (*submit_app) return submit_graph(run, submit);
  if (*check_app) return check_graph(run);
  if (*doctor_app) return examine_machine(plugin_folders, folder);
  if (*draw_app) return draw_graph(run, dot);
  if (*report_app) return report_run(reported, report_file);
  if (*status_app) return show_status(watched, status_json);
  if (*top_app) return follow_status(watched);
  if (*schema_app) return print_schema(plugins);
  if (*man_app) return print_manual(app, plugins);
  if (*new_plugin_app) return new_plugin(plugins, new_name);
  if (*nodes_app)
    return print_nodes(plugins, type, json ? NodesAs::json : (markdown ? NodesAs::markdown : NodesAs::text));
  if (!to_describe.empty()) return print_list(to_describe);
  if (!to_check.empty()) return check_plugin(to_check);
  return print_plugins(plugin_folders);
}

}  // namespace flowrun::cli
