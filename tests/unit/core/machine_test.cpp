// SPDX-License-Identifier: Apache-2.0
#include "plan/machine.h"

#include <doctest/doctest.h>
#include <flowrun/bytes.h>
#include <oneapi/tbb/info.h>

#include <string>

#include "support.h"

using namespace flowrun;
using namespace flowrun::test;

namespace {

/// A machine's /proc and what it names, as a container engine or a batch system makes them.
struct Root {
  TemporaryFolder folder;

  Root(const std::string& mounts, const std::string& groups) {
    put("proc/self/mountinfo", mounts);
    put("proc/self/cgroup", groups);
  }
  void put(const std::string& file, const std::string& text) const {
    const auto path = folder.path() / file;
    std::filesystem::create_directories(path.parent_path());
    write_file(path, text);
  }
  Machine machine() const { return this_machine(folder.path()); }
};

const std::string second_version =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
    "31 22 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
const std::string first_version =
    "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
    "40 22 0:30 /docker/ab12 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    "41 22 0:31 /docker/ab12 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n";
const int all_cpus = tbb::info::default_concurrency();

}  // namespace

TEST_CASE("without control groups the whole machine is granted") {
  const Root nothing("", "");
  CHECK(nothing.machine().cpus == all_cpus);
  CHECK_FALSE(nothing.machine().memory);
  const Root unlimited(second_version, "0::/user.slice\n");
  unlimited.put("sys/fs/cgroup/user.slice/memory.max", "max\n");
  unlimited.put("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
  CHECK(unlimited.machine().cpus == all_cpus);
  CHECK_FALSE(unlimited.machine().memory);
}

TEST_CASE("the tightest of a group and those around it binds") {
  const Root slurm(second_version, "0::/system.slice/slurmstepd.scope/job_7/step_0\n");
  slurm.put("sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.max", "2147483648\n");
  slurm.put("sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0/memory.max", "max\n");
  slurm.put("sys/fs/cgroup/system.slice/memory.max", "8589934592\n");
  slurm.put("sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/cpu.max", "50000 100000\n");
  CHECK(slurm.machine().memory == 2 * GiB);
  CHECK(slurm.machine().cpus == 1);
  slurm.put("sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/cpu.max", "110000 100000\n");
  CHECK(slurm.machine().cpus == std::min(2, all_cpus));
  slurm.put("sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/cpu.max", "6400000 100000\n");
  CHECK(slurm.machine().cpus == all_cpus);  // no more than there are
}

TEST_CASE("a container's own group is what is mounted, whatever the host calls it") {
  const Root docker(first_version, "5:memory:/docker/ab12\n4:cpu,cpuacct:/docker/ab12\n1:name=systemd:/x\n");
  docker.put("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
  docker.put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  docker.put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  CHECK(docker.machine().memory == 512 * MiB);
  CHECK(docker.machine().cpus == all_cpus);
  docker.put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
  CHECK(docker.machine().cpus == 1);
  docker.put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");  // no limit
  CHECK_FALSE(docker.machine().memory);
}

TEST_CASE("the kind of file system is that of the innermost mount") {
  const Root root(
      "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
      "23 22 0:40 / /lab\\040data rw - nfs4 server:/x rw\n"
      "24 23 0:41 / /lab\\040data/scratch rw - tmpfs tmpfs rw\n",
      "");
  const auto kind = [&](const char* path) { return file_system_of(path, root.folder.path()); };
  CHECK(kind("/home/a") == "ext4");
  CHECK(kind("/lab data/out") == "nfs4");
  CHECK(kind("/lab data/scratch/out") == "tmpfs");
  CHECK(kind("/lab data 2") == "ext4");
}

TEST_CASE("threads and memory are by default those of the group, and no more memory is taken than it has") {
  PlanOptions options = plan_options();
  options.machine = {3, 512 * MiB};
  const auto plan = [&](const std::string& head) {
    return plan_text("flowrun: 1\n" + head + "nodes: {boxes: {type: boxes}}\n", options);
  };
  CHECK(plan("").plan.threads == 3);
  CHECK(plan("").plan.memory == 384 * MiB);
  CHECK(plan("threads: 8\nmemory: 512 MiB\n").plan.threads == 8);
  CHECK(plan("memory: 512 MiB\n").plan.memory == 512 * MiB);
  const auto said = [&] {
    try {
      plan("memory: 2 GiB\n");
    } catch (const GraphError& problem) {
      return std::string(problem.what());
    }
    return std::string("fine");
  };
  CHECK(
      said() ==
      "graph.yaml:2:9: error: 'memory': found 2 GiB, but this process is killed when it takes more than 512 "
      "MiB (the limit of its control group); expected at most 384 MiB, as the program itself takes some\n"
      "    2 | memory: 2 GiB\n"
      "      |         ^ memory: 384 MiB\n");
  options.memory = "1 GiB";
  CHECK(said().find("--memory: found 1 GiB, but") != std::string::npos);
  options.machine.memory = 64 * GiB;
  options.memory.reset();
  CHECK(plan("").plan.memory == 1 * GiB);
}
