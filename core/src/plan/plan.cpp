// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.h"

#include <flowrun/bytes.h>
#include <flowrun/version.h>
#include <fmt/format.h>

#include <algorithm>

namespace flowrun {
namespace {

namespace fs = std::filesystem;

constexpr int most_threads = 1024;

std::size_t parse_memory(const std::string& text, const Machine& machine) {
  const std::size_t memory = parse_bytes(text);
  if (machine.memory && memory > *machine.memory)
    throw Error(
        fmt::format("found {}, but this process is killed when it takes more than {} (the limit of its "
                    "control group); expected at most {}, as the program itself takes some",
                    text, format_bytes(*machine.memory), format_bytes(leasable(*machine.memory))));
  return memory;
}

std::size_t memory_of(const GraphFile& graph, const PlanOptions& options, Diagnostics& diagnostics) {
  const std::size_t otherwise = default_memory(options.machine);
  try {
    if (options.memory) return parse_memory(*options.memory, options.machine);
    if (graph.memory.kind == Value::Kind::scalar) return parse_memory(graph.memory.text, options.machine);
    if (graph.memory.kind != Value::Kind::null)
      throw Error("expected a size such as '512 MiB' or '2GB', found a list or a map");
  } catch (const Error& problem) {
    const std::string size = format_bytes(otherwise);
    diagnostics.error(graph.memory.place,
                      fmt::format("{}: {}", options.memory ? "--memory" : "'memory'", problem.what()),
                      options.memory ? "--memory '" + size + "'" : "memory: " + size);
  }
  return otherwise;
}

int threads_of(const GraphFile& graph, const PlanOptions& options, Diagnostics& diagnostics) {
  int threads = options.machine.cpus;
  try {
    if (options.threads)
      threads = *options.threads;
    else if (graph.threads.kind != Value::Kind::null)
      convert(graph.threads, threads);
    if (threads < 1 || threads > most_threads)
      throw Error(fmt::format("expected 1 to {}, found {}", most_threads, threads));
  } catch (const Error& problem) {
    diagnostics.error(graph.threads.place,
                      fmt::format("{}: {}", options.threads ? "--threads" : "'threads'", problem.what()),
                      options.threads ? "--threads 8" : "threads: 8");
  }
  return threads;
}

void drop_duplicates(std::vector<fs::path>& paths) {
  for (fs::path& path : paths) path = fs::absolute(path).lexically_normal();
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
}

std::string packet_text(std::size_t bytes) {
  return bytes ? format_bytes(bytes) + " a packet" : "size decided per packet";
}

std::string describe_node(const Plan& plan, const PlanNode& node) {
  std::string out = fmt::format("  {}: {} ({})\n", node.name, node.type->name, node.type->plugin);
  for (std::size_t i = 0; i < node.from.size(); ++i) {
    if (node.from[i].node < 0) continue;
    const PlanNode& before = plan.at(node.from[i].node);
    out += fmt::format("    {} <- {}.{}\n", node.type->inputs[i].name, before.name,
                       before.type->outputs[static_cast<std::size_t>(node.from[i].port)].name);
  }
  if (node.type->asks_bytes)
    out += fmt::format("    leases up to {} for each packet\n", format_bytes(node.lease));
  for (std::size_t port = 0; port < node.to.size(); ++port) {
    const std::string& name = node.type->outputs[port].name;
    out += fmt::format("    {}: {}", name, packet_text(*node.costs.outputs.at(name).bytes));
    if (node.makes())
      out += fmt::format(", {} along its way; {} fit", format_bytes(node.lease),
                         node.lease ? std::to_string(plan.memory / node.lease) : "any number of them");
    out += "\n";
  }
  return out;
}

/// FNV-1a with 128 bits, http://www.isthe.com/chongo/tech/comp/fnv/
std::string digest(const std::string& text) {
  __extension__ using Bits = unsigned __int128;
  constexpr Bits prime = (Bits{1} << 88) + 0x13b;
  Bits hash = (Bits{0x6c62272e07bb0142} << 64) + 0x62b821756295c58d;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * prime;
  return fmt::format("{:016x}{:016x}", static_cast<std::uint64_t>(hash >> 64),
                     static_cast<std::uint64_t>(hash));
}

}  // namespace

bool PlanNode::begins() const {
  return std::none_of(from.begin(), from.end(), [](const PortRef& f) { return f.node >= 0; });
}

std::size_t PlanNode::streams() const {
  std::size_t streams = 0;
  for (std::size_t input = 0; input < from.size(); ++input) streams += is_stream(input);
  return streams;
}

std::string Plan::kind_of(int opener) const {
  return opener < 0 ? "run" : at(opener).type->outputs.front().name;
}

std::vector<bool> Plan::deciding(int opener) const {
  std::vector<bool> decides(nodes.size());
  for (std::size_t i = nodes.size(); i-- > 0;) {
    if (opener < 0 || nodes[i].opener == opener || static_cast<int>(i) == opener) decides[i] = true;
    if (!decides[i]) continue;
    for (const PortRef from : nodes[i].from)
      if (from.node >= 0) decides[static_cast<std::size_t>(from.node)] = true;
  }
  return decides;
}

std::string Plan::recipe(int opener) const {
  const std::vector<bool> decides = deciding(opener);
  nlohmann::json out{{"flowrun", FLOWRUN_VERSION}, {"nodes", nlohmann::json::object()}};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!decides[i]) continue;
    const PlanNode& node = nodes[i];
    nlohmann::json from = nlohmann::json::object();
    for (std::size_t input = 0; input < node.from.size(); ++input) {
      if (node.from[input].node < 0) continue;
      const PlanNode& before = at(node.from[input].node);
      from[node.type->inputs[input].name] =
          before.name + "." + before.type->outputs[static_cast<std::size_t>(node.from[input].port)].name;
    }
    out["nodes"][node.name] = {
        {"type", node.type->name}, {"plugin", node.type->plugin}, {"from", from}, {"options", node.options}};
  }
  return digest(out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

LoadedPlan load_plan_text(const std::string& text, const fs::path& file, const PlanOptions& options) {
  Diagnostics diagnostics(file.string(), text);
  const GraphFile graph = read_graph(file, options.settings, diagnostics);

  LoadedPlan loaded;
  loaded.plugins =
      std::make_unique<Plugins>(plugin_search_path(options.plugin_folders, graph.plugin_folders));
  Plan& plan = loaded.plan;
  plan.name = graph.name.empty() ? file.stem().string() : graph.name;
  plan.file = file.string();
  plan.memory = memory_of(graph, options, diagnostics);
  plan.threads = threads_of(graph, options, diagnostics);
  resolve_nodes(graph, *loaded.plugins, plan, diagnostics);
  if (diagnostics.empty()) assign_scopes(plan, diagnostics);
  if (diagnostics.empty()) work_out_costs(plan, graph.memory.place, diagnostics);
  if (diagnostics.empty()) check_device_memory(plan, graph.device_memory, diagnostics);
  if (!diagnostics.empty()) throw GraphError(diagnostics.render(), diagnostics.all());
  drop_duplicates(plan.output_folders);
  return loaded;
}

LoadedPlan load_plan(const fs::path& file, const PlanOptions& options) {
  return load_plan_text(read_graph_text(file), file, options);
}

std::string describe_plan(const Plan& plan) {
  std::string out =
      fmt::format("graph {} ({}): memory {} ({} bytes), {} threads, up to {} scopes at once\n", plan.name,
                  plan.file, format_bytes(plan.memory), plan.memory, plan.threads, plan.scopes_in_flight);
  for (const PlanNode& node : plan.nodes) out += describe_node(plan, node);
  out += describe_device_memory(plan);
  for (const auto& folder : plan.output_folders) out += fmt::format("  writes to {}\n", folder.string());
  for (const std::string& note : plan.notes) out += fmt::format("  note: {}\n", note);
  return out;
}

}  // namespace flowrun
