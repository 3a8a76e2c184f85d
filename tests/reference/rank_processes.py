# SPDX-License-Identifier: Apache-2.0
"""Several processes that train together, started as torchrun starts them."""
import os
import socket
import subprocess

OF_RANKS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS")


def begin(command, count, folder):
    """Rank 0 first; of one it is told of no others."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    started = []
    for rank in range(count):
        variables = {name: value for name, value in os.environ.items() if name not in OF_RANKS}
        if count > 1:
            variables |= {"RANK": str(rank), "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        started.append(subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    return started


def end(started):
    """What they said, and their exit codes."""
    try:
        return [process.communicate(timeout=240)[0] for process in started], [process.returncode for process in started]
    finally:
        for process in started:
            process.kill()
            process.communicate()
