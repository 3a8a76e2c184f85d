#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The training loop that train.py compares with, as one writes it with PyTorch: ResNet-18, a DataLoader of two workers
with Pillow and torchvision's transforms. Prints the seconds from the first epoch's end to the last one's.

usage: train_loop.py TABLE OUT EPOCHS THREADS [--channels-last]
"""
import csv
import os
import shutil
import sys
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
    table, out, epochs, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    layout = torch.channels_last if "--channels-last" in sys.argv else torch.contiguous_format
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    transform = transforms.Compose([
        transforms.RandomHorizontalFlip(),
        transforms.RandomVerticalFlip(),
        transforms.RandomAffine(10, (0.05, 0.05), (0.9, 1.1), interpolation=transforms.InterpolationMode.BILINEAR),
        transforms.ColorJitter(0.1, 0.1, 0.1, 0.02),
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ])
    tiles = Tiles(table, transform)
    loader = torch.utils.data.DataLoader(tiles, batch_size=16, shuffle=True, num_workers=2, persistent_workers=True)
    model = torchvision.models.resnet18(num_classes=2).to(memory_format=layout)
    optimizer = torch.optim.AdamW(model.parameters(), 0.001, weight_decay=0.01)
    criterion = torch.nn.CrossEntropyLoss()
    os.makedirs(out)
    ends = []
    for _ in range(epochs):
        model.train()
        loss_sum = 0
        for images, labels in loader:
            optimizer.zero_grad()
            loss = criterion(model(images.to(memory_format=layout)), labels)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(labels)
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, os.path.join(out, "last.pt"))
        shutil.copyfile(os.path.join(out, "last.pt"), os.path.join(out, "best.pt"))
        ends.append(time.perf_counter())
    print(ends[-1] - ends[0])


if __name__ == "__main__":
    main()
