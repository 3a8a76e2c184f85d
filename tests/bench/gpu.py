#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training, prediction and embedding on a GPU: images a second against PyTorch, how busy the GPU is, and its memory.

usage: gpu.py --program FLOWRUN [--side PIXELS] [--epochs N]

FLOWRUN is the packed program with the plugin torch built against the PyTorch of this Python (tests/on_gpu.sh makes
build/gpu/flowrun/bin/flowrun). All processors are used by both sides, in turn:
- training ResNet-50 on PNG tiles of 224 x 224, batches of 256, as train.py does it on the CPU, against train_loop.py with
  as many workers as processors; and against the model alone, which trains on one batch again and again: the ceiling;
- predicting tiles of four slides with ResNet-50, and embedding them with ViT-L/16 (random weights): against the model
  alone, channels_last, whose batches come from pinned memory.
The GPU is busy for the share that nvidia-smi says, between the first and the last image. Each graph is run with the
`device_memory` that it needs as `flowrun check` says; what nvidia-smi says is used comes with what CUDA takes for a
process that does nothing, which is printed first.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import torch
import torchvision
from train import TRAIN, Bench, loop, waiting

BATCH, SIDE = 256, 224
INFERENCE = """
flowrun: 1
params: {{slides: , model: , precision: bf16, out: , device_memory: 90 %}}
device_memory: "${{device_memory}}"
nodes:
  slides: {{type: read, path: "${{slides}}"}}
  tiles: {{type: extract, from: slides, size: {side}, level: 0}}
  predicted: {{type: {node}, from: tiles, model: "${{model}}", precision: "${{precision}}", batch: {batch}}}
  files: {files}
"""


def inference(node, files):
    return INFERENCE.format(node=node, files=files, side=SIDE, batch=BATCH)


GRAPHS = {
    "predict": inference("predict", '{type: save_predictions, from: {tile: predicted, slide: slides}, dir: "${out}"}'),
    "embed": inference("embed", '{type: save_features, from: predicted, dir: "${out}"}'),
    "train": TRAIN.replace("threads: 2}", 'threads: 2, device_memory: 90 %}\ndevice_memory: "${device_memory}"'),
}


def needed(bench, graph, **parameters):
    """MiB of the GPU's memory, as the plan says."""
    settings = [word for name, value in parameters.items() for word in ("--set", f"{name}={value}")]
    said = subprocess.run([bench.program, "check", os.path.join(bench.folder, graph + ".yaml"), *settings],
                          capture_output=True, text=True, check=True).stdout
    number, unit = re.search(r"on cuda:0: ([0-9.]+) (MiB|GiB)", said).groups()
    return int(float(number) * {"MiB": 1, "GiB": 1024}[unit] * 1.01) + 1


class Watch:
    """What nvidia-smi says of the GPU while a block runs."""

    def __enter__(self):
        self.samples, self.before = [], self.ask("memory.used")[0]
        query = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits", "-lms", "100"]
        self.process = subprocess.Popen(query, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.thread.join()

    @staticmethod
    def ask(what):
        said = subprocess.run(["nvidia-smi", f"--query-gpu={what}", "--format=csv,noheader,nounits"], capture_output=True,
                              text=True, check=True).stdout
        return [float(word) for word in said.splitlines()[0].split(",")]

    def read(self):
        for line in self.process.stdout:
            busy, memory = (float(word) for word in line.split(","))
            self.samples.append((time.perf_counter(), busy, memory))

    def busy(self, begin=0, end=float("inf")):
        inside = [busy for at, busy, _ in self.samples if begin <= at <= end]
        return statistics.mean(inside) if inside else float("nan")

    def busy_while_used(self):
        """Between the first and the last sample in which it did something."""
        at = [at for at, busy, _ in self.samples if busy > 0]
        return self.busy(at[0], at[-1]) if at else 0.0

    def memory(self):
        return max(memory for *_, memory in self.samples) - self.before


def rate_alone(step, images, seconds=3.0):
    """Images a second of steps, when they are warm, and how busy the GPU is."""
    for _ in range(10):
        step()
    torch.cuda.synchronize()
    with Watch() as watch:
        began, steps = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            step()
            steps += 1
        torch.cuda.synchronize()
        ended = time.perf_counter()
    return images * steps / (ended - began), watch.busy(began + 0.5, ended)


def training_alone(precision):
    model = torchvision.models.resnet50(num_classes=2).cuda().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), 0.001, weight_decay=0.01)
    images = torch.randn(BATCH, 3, SIDE, SIDE).pin_memory()
    labels = torch.randint(2, (BATCH,)).cuda()

    def step():
        optimizer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"):
            loss = torch.nn.functional.cross_entropy(
                model(images.to("cuda", non_blocking=True, memory_format=torch.channels_last)), labels)
        loss.backward()
        optimizer.step()

    return rate_alone(step, BATCH)


def inference_alone(model, precision):
    images = torch.randn(BATCH, 3, SIDE, SIDE).pin_memory()
    model = model.eval().cuda().to(memory_format=torch.channels_last)

    @torch.no_grad()
    def step():
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bf16"):
            model(images.to("cuda", non_blocking=True, memory_format=torch.channels_last)).float()

    return rate_alone(step, BATCH)


def vit_large():
    torch.manual_seed(1)
    model = torchvision.models.vision_transformer.VisionTransformer(
        SIDE, patch_size=16, num_layers=24, num_heads=16, hidden_dim=1024, mlp_dim=4096)
    model.heads = torch.nn.Identity()
    return model.eval()


def compare_training(bench, count, epochs):
    table, images = bench.table(SIDE, count), count * (epochs - 1)
    for precision in ("fp32", "bf16"):
        settings = {"table": table, "epochs": epochs, "model": "resnet50", "batch": BATCH, "precision": precision}
        most = needed(bench, "train", out=bench.fresh(), **settings)
        with Watch() as watch:
            ends, summary = bench.train(lambda pid: time.perf_counter(), device_memory=f"{most} MiB", **settings)
        ours = images / (ends[-1] - ends[0])
        with Watch() as of_loop:
            theirs = images / loop(bench, table, epochs, "--channels-last", "--device", "cuda", "--precision", precision,
                                   "--model", "resnet50", "--batch", str(BATCH), "--threads", str(bench.threads))
        alone, alone_busy = training_alone(precision)
        print(f"training, ResNet-50, {SIDE} x {SIDE}, batch {BATCH}, {precision}: {ours:.0f} images/s, "
              f"{ours / theirs:.2f} x the PyTorch loop ({theirs:.0f}), {100 * ours / alone:.0f} % of the model alone "
              f"({alone:.0f}); GPU busy {watch.busy(ends[0], ends[-1]):.0f} % (loop {of_loop.busy_while_used():.0f} %, alone {alone_busy:.0f} %), "
              f"{watch.memory():.0f} MiB with device_memory: {most} MiB (loop {of_loop.memory():.0f} MiB); {waiting(summary)}", flush=True)
    return os.path.join(bench.folder, f"out{bench.runs - 1}", "best.pt")


def compare_inference(bench, best, side):
    for n in range(4):
        subprocess.run([bench.program, "synth", os.path.join(bench.folder, f"cohort/s{n}.svs"), "--width", str(side),
                        "--height", str(side), "--seed", str(n)], check=True, stdout=subprocess.DEVNULL)
    vit = vit_large()
    with torch.no_grad():
        torch.jit.trace(vit, torch.zeros(2, 3, SIDE, SIDE), check_trace=False).save(os.path.join(bench.folder, "vit.pt"))
    cases = (("predict", "ResNet-50", best, torchvision.models.resnet50(num_classes=2)),
             ("embed", "ViT-L/16", os.path.join(bench.folder, "vit.pt"), vit))
    for graph, name, file, model in cases:
        for precision in ("fp32", "bf16"):
            settings = {"slides": os.path.join(bench.folder, "cohort"), "model": file, "precision": precision}
            most = needed(bench, graph, out=bench.fresh(), **settings)
            with Watch() as watch:
                run = bench.start(graph, device_memory=f"{most} MiB", out=bench.fresh(), **settings)
                summary = json.loads(run.communicate()[0])
            assert run.returncode == 0, "flowrun failed"
            node = next(node for node in summary["nodes"] if node["name"] == "predicted")
            active = [at for at, busy, _ in watch.samples if busy > 0]
            ours = node["in"] / (active[-1] - active[0])
            alone, alone_busy = inference_alone(model, precision)
            print(f"{graph}, {name}, {SIDE} x {SIDE}, {precision}: {ours:.0f} tiles/s, {100 * ours / alone:.0f} % of the model "
                  f"alone ({alone:.0f}); GPU busy {watch.busy_while_used():.0f} % (alone {alone_busy:.0f} %), {watch.memory():.0f} MiB with device_memory: {most} MiB", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--side", type=int, default=16000, help="pixels a side of the slides")
    parser.add_argument("--tiles", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}, {os.cpu_count()} processors", flush=True)
    with Watch() as watch:
        subprocess.run([sys.executable, "-c", "import time, torch; torch.zeros(1).cuda(); time.sleep(1)"], check=True)
    print(f"a process that does nothing: {watch.memory():.0f} MiB", flush=True)
    with tempfile.TemporaryDirectory(prefix="flowrun-bench-") as folder:
        bench = Bench(os.path.abspath(args.program), folder, side=args.side, threads=os.cpu_count())
        for name, text in GRAPHS.items():
            with open(os.path.join(folder, name + ".yaml"), "w", encoding="utf-8") as file:
                file.write(text)
        best = compare_training(bench, args.tiles, args.epochs)
        compare_inference(bench, best, args.side)


if __name__ == "__main__":
    main()
