#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The training loop that train.py and gpu.py compare with, as one writes it with PyTorch: a DataLoader with Pillow and
torchvision's transforms. Prints the seconds from the first epoch's end to the last one's.

usage: train_loop.py TABLE OUT EPOCHS [--channels-last] [--device D] [--precision P] [--model M] [--batch N] [--threads N]
"""
import argparse
import csv
import os
import shutil
import time

import torch
import torchvision
from PIL import Image
from torchvision import transforms


class Tiles(torch.utils.data.Dataset):
    def __init__(self, table, transform):
        with open(table, newline="") as file:
            rows = list(csv.DictReader(file))
        folder = os.path.dirname(table)
        classes = sorted({row["label"] for row in rows})
        self.samples = [(os.path.join(folder, row["path"]), classes.index(row["label"])) for row in rows]
        self.transform = transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, label = self.samples[index]
        return self.transform(Image.open(path).convert("RGB")), label


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table")
    parser.add_argument("out")
    parser.add_argument("epochs", type=int)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "bf16"))
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2, help="of the model on the CPU, and workers that load")
    args = parser.parse_args()
    layout = torch.channels_last if args.channels_last else torch.contiguous_format
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    transform = transforms.Compose([
        transforms.RandomHorizontalFlip(),
        transforms.RandomVerticalFlip(),
        transforms.RandomAffine(10, (0.05, 0.05), (0.9, 1.1), interpolation=transforms.InterpolationMode.BILINEAR),
        transforms.ColorJitter(0.1, 0.1, 0.1, 0.02),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])
    tiles = Tiles(args.table, transform)
    loader = torch.utils.data.DataLoader(tiles, batch_size=args.batch, shuffle=True, num_workers=args.threads,
                                         persistent_workers=True, pin_memory=args.device != "cpu")
    model = getattr(torchvision.models, args.model)(num_classes=2).to(args.device, memory_format=layout)
    optimizer = torch.optim.AdamW(model.parameters(), 0.001, weight_decay=0.01)
    criterion = torch.nn.CrossEntropyLoss()
    os.makedirs(args.out)
    ends = []
    for _ in range(args.epochs):
        model.train()
        loss_sum = 0
        for images, labels in loader:
            images = images.to(args.device, non_blocking=True, memory_format=layout)
            labels = labels.to(args.device, non_blocking=True)
            optimizer.zero_grad()
            with torch.autocast(args.device, torch.bfloat16, enabled=args.precision == "bf16"):
                loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(labels)
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, os.path.join(args.out, "last.pt"))
        shutil.copyfile(os.path.join(args.out, "last.pt"), os.path.join(args.out, "best.pt"))
        ends.append(time.perf_counter())
    print(ends[-1] - ends[0])


if __name__ == "__main__":
    main()
