"""Does what is kept of images still hold their information, and what does a network's layer keep?

Images of 16 by 16 pixels with a bump each, whose two places depend on those of the bump in the
other image; pixels are noisy. Then a network with noisy layers that learns handwritten digits: the
information of the image and of the class in its hidden layer, as training goes on.
"""

import numpy as np
import torch
from evidence.planted_information import gaussians, number
from numpy.random import Generator, default_rng
from scipy.special import ndtr
from sklearn.datasets import load_digits

from cuvee.core.sample import Sample
from cuvee.measure import measure
from cuvee.measure.compressed_information import CompressedInformation
from cuvee.testing.evidence import Finding

ROWS, SIDE, PIXEL = 5000, 16, 0.1
NATS, KEPT = (0.5, 1.0, 2.0), (2, 8)
EPOCHS, NOISE = (0, 1, 3, 10, 30), 0.3


def run() -> Finding:
    found = {}
    for nats in NATS:
        x, y = bumps(nats)
        found[nats] = {k: float(number(CompressedInformation(dims=k, nulls=0), x, y).mean)
                       for k in KEPT}  # fmt: skip
    bent = CompressedInformation(dims=2, compress="autoencoder", steps=600, nulls=0)
    found[1.0]["autoencoder 2"] = float(number(bent, *bumps(1.0)).mean)
    curve = followed()
    off = max(abs(row[8] / nats - 1) for nats, row in found.items())
    fits = [row["class"] for row in curve]
    return Finding(
        claim="The information of noisy images is within 10% by 8 components of each, and too low "
        "by more than that by 2; in a noisy network the layer's information of the class rises.",
        measured="; ".join(
            f"{nats:g} nats: " + ", ".join(f"{k} kept {v:.2f}" for k, v in row.items())
            for nats, row in found.items()
        )
        + "; epochs " + ", ".join(
            f"{r['epoch']}: image {r['image']:.2f}, class {r['class']:.2f}, accuracy "
            f"{r['accuracy']:.2f}" for r in curve
        )
        + ".",
        holds=bool(
            off <= 0.1
            and all(abs(row[2] / nats - 1) > 0.1 for nats, row in found.items())
            and fits[-1] > fits[0] + 0.2
        ),
        numbers={"images": {str(k): {str(i): v for i, v in row.items()}
                            for k, row in found.items()}, "curve": curve},
    )  # fmt: skip


def bumps(nats: float) -> list[np.ndarray]:
    rng, line = default_rng([7, int(10 * nats)]), np.arange(SIDE)
    made = []
    for places in gaussians(ROWS, 2, nats, 110):
        center = 3 + (SIDE - 6) * ndtr(places)
        along = np.exp(-0.5 * ((line - center[:, :, None]) / 2) ** 2)
        image = np.einsum("ni,nj->nij", along[:, 0], along[:, 1]).reshape(ROWS, -1)
        made.append(image + PIXEL * rng.standard_normal(image.shape))
    return made


def followed() -> list[dict[str, float]]:
    """Information of image and class in the hidden layer, at some epochs."""
    data, generator = load_digits(), torch.Generator().manual_seed(3)
    torch.manual_seed(3)
    images = torch.from_numpy((data.data / 16).astype(np.float32))
    labels = torch.from_numpy(data.target)
    first, last = torch.nn.Linear(64, 8), torch.nn.Linear(8, 10)
    best = torch.optim.Adam([*first.parameters(), *last.parameters()], lr=0.01)
    rows, rng = [], default_rng(4)
    for epoch in range(max(EPOCHS) + 1):
        if epoch in EPOCHS:
            with torch.no_grad():
                layer = torch.tanh(first(images))
                layer = layer + NOISE * torch.randn(layer.shape, generator=generator)
                right = float((last(layer).argmax(1) == labels).float().mean())
            rows.append({"epoch": epoch, "accuracy": right} | told(data, layer.numpy(), rng))
        for batch in torch.randperm(len(images), generator=generator).split(64):
            layer = torch.tanh(first(images[batch]))
            layer = layer + NOISE * torch.randn(layer.shape, generator=generator)
            lost = torch.nn.functional.cross_entropy(last(layer), labels[batch])
            best.zero_grad()
            lost.backward()
            best.step()
    return rows


def told(data: object, layer: np.ndarray, rng: Generator) -> dict[str, float]:
    """Of the class: one number for each class, with a little noise, as neighbours need."""
    seen = Sample.of_points(layer.astype(np.float64))
    image = Sample.of_points(data.data + 0.0, "b")
    classes = Sample.of_points(data.target + 0.1 * rng.standard_normal(len(layer)), "b")
    method = CompressedInformation(dims=4, nulls=0)
    return {"image": float(measure(method, seen, image).mean),
            "class": float(measure(method, seen, classes).mean)}  # fmt: skip
