"""One epoch of ``configs/digits.yaml`` in PyTorch, for the comparison of whole processes."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

DIGITS = Path(__file__).parents[2] / "cnntrain" / "data" / "sources" / "digits.npz"
BATCH = 32


def main() -> None:
    """Train for an epoch, evaluate the validation split, write the weights."""
    torch.manual_seed(0)
    with np.load(DIGITS) as arrays:
        x, y = (torch.from_numpy(arrays[name]) for name in ("train_x", "train_y"))
    x, y = x.float() / 16, y.long()
    held_out, train = torch.randperm(len(x)).tensor_split([len(x) // 10])
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 64, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(1024, 64), nn.ReLU(),
        nn.Linear(64, 10),
    )  # fmt: skip
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for batch in train.split(BATCH):
        optimizer.zero_grad()
        loss(model(x[batch]), y[batch]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        hits = (model(x[held_out]).argmax(1) == y[held_out]).float().mean()
    print(f"accuracy {hits:.4f}")
    torch.save(model.state_dict(), "digits.pt")


if __name__ == "__main__":
    main()
