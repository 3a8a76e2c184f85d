#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What learns, on this machine's GPU with its own PyTorch, beside the CPU:
#   tests/on_gpu.sh build/flowrun-VERSION-linux-x86_64.tar.zst [PYTHON]
# Unpacks the packed program (make tarball), builds the plugin torch against the PyTorch of PYTHON (python3), trains,
# predicts and embeds on both, and prints a table: images or tiles a second, and how far the GPU's numbers are from the
# CPU's. Fails when they differ by over 1e-3, or when there is no GPU. Works in build/gpu, which is made anew.
set -euo pipefail

[ $# -ge 1 ] || { echo "usage: tests/on_gpu.sh TARBALL [PYTHON]" >&2; exit 2; }
tarball=$(realpath "$1")
python=${2:-python3}
source_folder=$(cd "$(dirname "$0")/.." && pwd)
work=$source_folder/build/gpu
rm -rf "$work"
mkdir -p "$work/flowrun"

tar xf "$tarball" -C "$work/flowrun" --strip-components=1
torch=$("$python" -c 'import torch; print(torch.utils.cmake_prefix_path)')
cmake -S "$source_folder/plugins/torch" -B "$work/plugin" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$work/flowrun;$torch" >"$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
cmake --build "$work/plugin" -j "$(nproc)" >>"$work/build.log" 2>&1 || { tail -n 50 "$work/build.log" >&2; exit 1; }
cmake --install "$work/plugin" --prefix "$work/flowrun" >>"$work/build.log"
flowrun=$work/flowrun/bin/flowrun graphs=$source_folder/graphs
"$flowrun" --version

for n in 1 2 3 4; do
  "$flowrun" synth "$work/slides/s$n.svs" --width 12000 --height 12000 --seed $n --annotations "$work/xml/s$n.xml" >/dev/null
done

# Without its GPUs the machine is a CPU to libtorch.
on_device() {
  if [ "$1" = cpu ]; then CUDA_VISIBLE_DEVICES='' "${@:2}"; else "${@:2}"; fi
}
# A second of each call, what it said, and its files in FOLDER: DEVICE FOLDER GRAPH SETTINGS...
run() {
  local began=$EPOCHREALTIME
  on_device "$1" "$flowrun" "$graphs/$3" --set out="$work/$2" "${@:4}" >"$work/$2.log" 2>&1 || { cat "$work/$2.log" >&2; exit 1; }
  echo "$began $EPOCHREALTIME" | awk '{print $2 - $1}' >"$work/$2.seconds"
}
for device in gpu cpu; do
  run $device train-$device train.yaml --set slides="$work/slides" --set annotations="$work/xml/{slide}.xml" --set epochs=3
  # Of one model, so that the numbers can be compared.
  run $device predict-$device predict.yaml --set slides="$work/slides" --set model="$work/train-gpu/model/best.pt"
  run $device embed-$device features.yaml --set slides="$work/slides" --set encoder="$work/train-gpu/model/best.pt" \
    --set size=96 --set mpp=2
done

"$python" - "$work" <<'PYTHON'
import csv, pathlib, re, sys
import torch

work = pathlib.Path(sys.argv[1])
seconds = lambda name: float((work / f"{name}.seconds").read_text())  # noqa: E731


def scores(folder):
    numbers = []
    for table in sorted(folder.glob("*/predictions.csv")):
        with open(table, newline="") as file:
            numbers += [[float(v) for k, v in row.items() if k.startswith("p_")] for row in csv.DictReader(file)]
    return torch.tensor(numbers)


def features(folder):
    return torch.cat([torch.load(file) for file in sorted(folder.glob("**/*.pt"))])


def speed(log):
    return float(re.search(r"([\d.]+) training images/s", (work / log).read_text())[1])


rows, worst = [("training, images/s", speed("train-gpu.log"), speed("train-cpu.log"), None)], 0.0
for name, read in (("predict", scores), ("embed", features)):
    gpu, cpu = read(work / f"{name}-gpu"), read(work / f"{name}-cpu")
    assert len(gpu) == len(cpu) > 0, f"{name}: {len(gpu)} tiles on the GPU, {len(cpu)} on the CPU"
    difference = float((gpu - cpu).abs().max() / cpu.abs().max())
    worst = max(worst, difference)
    rows.append((f"{name}, tiles/s", len(gpu) / seconds(f"{name}-gpu"), len(cpu) / seconds(f"{name}-cpu"), difference))
device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
print(f"\nPyTorch {torch.__version__}, {device}\n")
print(f"| | GPU | CPU | ratio | largest difference |\n|---|---|---|---|---|")
for name, gpu, cpu, difference in rows:
    print(f"| {name} | {gpu:.1f} | {cpu:.1f} | {gpu / cpu:.2f} | {'' if difference is None else f'{difference:.1e}'} |")
if worst > 1e-3:
    sys.exit(f"the GPU's numbers differ from the CPU's by {worst:.1e} of the largest, expected 1e-3 at most")
if not torch.cuda.is_available():
    sys.exit("PyTorch finds no GPU: both columns are of the CPU")
PYTHON
