// SPDX-License-Identifier: Apache-2.0
#ifdef FLOWRUN_TORCH_GLOO
#include "rank_store.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "nodes/base/out_file.h"
#include "rank_beats.h"

namespace flowrun::torch_nodes {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name, const char* otherwise = "") {
  const char* const text = std::getenv(name);
  return text ? text : otherwise;
}

c10d::TCPStoreOptions options(std::uint16_t port, bool serves) {
  c10d::TCPStoreOptions out;
  out.port = port;
  out.isServer = serves;
  out.waitWorkers = false;
  out.timeout = RankBeats::longest_way;
  out.multiTenant = true;  // several trainings of a graph share torchrun's port
  return out;
}

/// Of this start of this step: what an earlier one left is of nobody.
fs::path file_of_step(const fs::path& output_folder) {
  return output_folder / ".flowrun" / "ranks" /
         fmt::format("job-{}-step-{}-start-{}", variable("SLURM_JOB_ID", "0"), variable("SLURM_STEP_ID", "0"),
                     variable("SLURM_RESTART_COUNT", "0"));
}

void tell(const fs::path& file, const std::string& host, std::uint16_t port) {
  fs::create_directories(file.parent_path());
  const fs::path next = file.string() + ".tmp";
  wsi::write_file(next, fmt::format("{} {}\n", host, port));
  fs::rename(next, file);
}

}  // namespace

RankStore::RankStore(const Rank& own, const fs::path& output_folder) {
  try {
    if (const std::string port = variable("MASTER_PORT"); !port.empty() && std::getenv("RANK")) {
      host_ = variable("MASTER_ADDR", "127.0.0.1");
      port_ = static_cast<std::uint16_t>(std::stoul(port));
      // An agent that serves it goes on to do so when it starts the ranks anew.
      names_ =
          fmt::format("flowrun {} {}", variable("TORCHELASTIC_RESTART_COUNT", "0"), output_folder.string());
      if (own.number == 0 && variable("TORCHELASTIC_USE_AGENT_STORE") != "True") serve(port_);
    } else if (own.number == 0) {
      char host[256] = {};
      ::gethostname(host, sizeof(host) - 1);
      host_ = host;
      serve(0);
      tell(told_ = file_of_step(output_folder), host_, port_);
    } else {
      find(own, output_folder);
    }
  } catch (const Error&) {
    throw;
  } catch (const std::exception& problem) {
    throw Error(
        fmt::format("rank {} of {} cannot be reached by the others, or cannot reach them, at {}:{}: {}",
                    own.number, own.count, host_, port_, first_line(problem.what())));
  }
}

RankStore::~RankStore() {
  std::error_code none;
  if (!told_.empty()) fs::remove(told_, none);
}

void RankStore::serve(std::uint16_t port) {
  const auto store = c10::make_intrusive<c10d::TCPStore>(host_, options(port, true));
  port_ = store->getPort();
  served_ = store;
}

void RankStore::find(const Rank& own, const fs::path& output_folder) {
  const fs::path file = file_of_step(output_folder);
  for (const auto until = std::chrono::steady_clock::now() + RankBeats::longest_way;
       !(std::ifstream(file) >> host_ >> port_);) {
    if (std::chrono::steady_clock::now() > until)
      throw Error(fmt::format(
          "rank {} of {} has waited for {} minutes for rank 0, which did not come to train in {}: all ranks "
          "train in "
          "one folder, which all machines see. Where tasks of srun are to train each alone, unset "
          "SLURM_STEP_NUM_TASKS",
          own.number, own.count, RankBeats::longest_way.count(), fs::absolute(output_folder).string()));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

c10::intrusive_ptr<c10d::Store> RankStore::connect() const {
  return c10::make_intrusive<c10d::PrefixStore>(
      names_, c10::make_intrusive<c10d::TCPStore>(host_, options(port_, false)));
}

}  // namespace flowrun::torch_nodes
#endif
