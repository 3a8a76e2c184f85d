# SPDX-License-Identifier: Apache-2.0
"""A Slurm of three nodes on this machine, in a folder of its own."""
import datetime
import getpass
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

import support

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "sinfo", "squeue", "scontrol", "scancel", "munged")
NODES = ("n1", "n2", "n3")
CONFIGURATION = """\
ClusterName=flowrun
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/%n.pid
SlurmctldLogFile={folder}/log/slurmctld
SlurmdLogFile={folder}/log/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldPort={ports[0]}
MailProg=/bin/true
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
MpiDefault=none
SchedulerParameters=sched_interval=2
{nodes}
PartitionName=p Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP
"""


def path_with_sbin():
    return os.environ["PATH"] + ":/usr/sbin:/sbin"


def reason_to_skip():
    missing = [name for name in PROGRAMS if not shutil.which(name, path=path_with_sbin())]
    return f"there is no {', '.join(missing)} (Debian: slurm-wlm, munge)" if missing else ""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Slurm:
    """To be begun by begin_all() and ended by stop()."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        for name in ("state", "run", "log", "munge", *(f"spool.{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        ports = free_ports(4)
        host = socket.gethostname().split(".")[0]
        nodes = "\n".join(f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=4000"
                          for node, port in zip(NODES, ports[1:]))
        self.configuration = self.folder / "slurm.conf"
        self.configuration.write_text(CONFIGURATION.format(host=host, user=getpass.getuser(), folder=self.folder,
                                                           ports=ports, nodes=nodes))
        self.variables = {"SLURM_CONF": str(self.configuration), "PATH": path_with_sbin()}
        self.daemons = {}

    def begin_all(self):
        munge = self.folder / "munge"
        key = munge / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        self.begin("munged", "--foreground", "--force", f"--socket={munge}/socket", f"--key-file={key}",
                   f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed")
        self.wait_until(lambda: (munge / "socket").exists(), "munged")
        self.begin("slurmctld", "-D", "-f", self.configuration)
        for node in NODES:
            self.begin_node(node)
        self.wait_until(lambda: self.asked("sinfo", "-h", "-o", "%T %D").split() == ["idle", "3"], "the three nodes")

    def begin(self, program, *arguments, name=None):
        with open(self.folder / "log" / f"{name or program}.said", "ab") as output:
            self.daemons[name or program] = subprocess.Popen(
                [shutil.which(program, path=path_with_sbin()), *map(str, arguments)], stdout=output, stderr=output,
                env={**os.environ, **self.variables}, start_new_session=True)

    def begin_node(self, node):
        self.begin("slurmd", "-D", "-N", node, "-f", self.configuration, name=node)

    def asked(self, *command, check=False):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              env={**os.environ, **self.variables}, timeout=60)
        if check and done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def wait_until(self, holds, what, seconds=120):
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not come within {seconds} s: {self.asked('squeue', '-a')}"
                                     f"{self.asked('sinfo')}")
            time.sleep(0.1)

    def job(self, number):
        """What Slurm knows of a job or of a task ("12_3"). Its controller may be too busy to answer."""
        told = {}

        def answers():
            shown = self.asked("scontrol", "show", "job", "-o", number)
            told.update(word.split("=", 1) for word in shown.split() if "=" in word)
            return told

        self.wait_until(answers, f"an answer on job {number}")
        return told

    def begin_now(self, task):
        """Slurm lets a job that it starts again wait for two minutes."""
        self.wait_until(lambda: self.is_held_back(task), f"{task} in the queue")
        self.begin_soon(task)

    def begin_soon(self, task):
        """Within the second in which it ended, a node refuses to begin it ("already killed")."""
        self.asked("scontrol", "update", f"jobid={task}", "StartTime=now+2seconds")

    def is_held_back(self, task):
        return self.has_long_to_wait(self.job(task))

    @staticmethod
    def has_long_to_wait(job):
        if job.get("JobState") != "PENDING" or job["Reason"] != "BeginTime":
            return False
        return datetime.datetime.fromisoformat(job["StartTime"]) > datetime.datetime.now() + datetime.timedelta(seconds=5)

    def begin_all_now(self):
        for line in self.asked("scontrol", "show", "job", "-o").splitlines():
            job = dict(word.split("=", 1) for word in line.split() if "=" in word)
            if self.has_long_to_wait(job):
                self.begin_soon(job["JobId"])

    def processes(self, *texts):
        """The pids of this machine in whose command lines all these texts are."""
        found = []
        for place in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                line = (place / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if all(str(text) in line for text in texts):
                found.append(int(place.name))
        return found

    def processes_on(self, node):
        """What a node runs: scripts, what they began, and what watches them."""
        found = set()
        for place in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                variables = (place / "environ").read_bytes().split(b"\0")
                parent = pathlib.Path("/proc", (place / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if {f"SLURMD_NODENAME={node}".encode(), f"SLURM_CONF={self.configuration}".encode()} <= set(variables):
                    found.add(int(place.name))
                    if (parent / "comm").read_text().startswith("slurmstepd"):
                        found.add(int(parent.name))
            except (OSError, IndexError):
                continue
        return found

    def kill_node(self, node, *processes):
        """As if its machine had lost power: the daemon, and what it began."""
        daemon = self.daemons.pop(node)
        daemon.kill()
        daemon.wait()
        self.asked("scontrol", "update", f"nodename={node}", "state=DOWN", "reason=killed")
        for pid in processes:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:  # it ended meanwhile
                pass

    def bring_back(self, node):
        self.begin_node(node)
        self.asked("scontrol", "update", f"nodename={node}", "state=RESUME")

    def stop(self, *texts):
        """Also ends what jobs left: processes with these texts."""
        for daemon in self.daemons.values():
            daemon.kill()
            daemon.wait()
        for text in (self.folder, *texts):
            for pid in self.processes(text):
                os.kill(pid, signal.SIGKILL)


class SlurmTest(support.ProgramTest):
    """Has a Slurm of its own for its tests, in `slurm`; where there is none they are skipped, aloud."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        reason = cls.reason_to_skip()
        if reason:
            super().tearDownClass()
            cls.skip(reason)
        cls.slurm = Slurm(cls.root / "slurm")
        try:
            cls.slurm.begin_all()
        except AssertionError as problem:  # containers without a host's name, machines without memory
            cls.tearDownClass()
            cls.skip(f"Slurm does not start here: {problem}")
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def reason_to_skip(cls):
        return reason_to_skip()

    @classmethod
    def skip(cls, reason):
        print(f"{cls.__name__} skipped: {reason}", file=sys.stderr)
        raise unittest.SkipTest(reason)

    @classmethod
    def tearDownClass(cls):
        cls.slurm.stop(cls.root)
        super().tearDownClass()
