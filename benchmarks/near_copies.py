"""How many bits of the hash of pictures tell copies from other pictures.

    python benchmarks/near_copies.py --data DIR [--every 10]

``DIR`` holds ``images/`` and ``groups.csv`` (columns image, video, perhaps segment). Counts the
bits in which pictures of different videos, or of different segments of one, differ at least,
mirrored ones too; and the bits in which copies of every few pictures differ at most: recompressed,
half as large, and a tenth brighter.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from jarvis_dagster.hockey.datasets.duplicates import hash_bits
from jarvis_dagster.hockey.datasets.pictures import small_grey


def copies_of(picture: Path, folder: Path) -> dict[str, Path]:
    """The same picture, as it comes back from elsewhere."""
    image = cv2.imread(str(picture))
    half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    made = {"recompressed": (image, 40), "half as large": (half, 95)}
    made["a tenth brighter"] = (np.clip(image * 1.1, 0, 255).astype(np.uint8), 95)
    paths = {}
    for name, (changed, quality) in made.items():
        paths[name] = folder / f"{name}.jpg"
        cv2.imwrite(str(paths[name]), changed, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--every", type=int, default=10, help="of which copies are made")
    options = parser.parse_args()
    table = pd.read_csv(options.data / "groups.csv")
    part = (
        table[[name for name in ("video", "segment") if name in table]].astype(str).agg("/".join, 1)
    )
    parts = np.unique(part, return_inverse=True)[1]
    pictures = [options.data / "images" / name for name in table["image"]]
    greys = [small_grey(path) for path in pictures]
    own = np.array([hash_bits(grey) for grey in greys])
    flipped = np.array([hash_bits(np.ascontiguousarray(grey[:, ::-1])) for grey in greys])
    differ = (own.shape[1] - np.maximum(own @ own.T, own @ flipped.T)) / 2
    apart = np.triu(parts[:, None] != parts, 1)
    least = int(differ[apart].min())
    print(f"{apart.sum():,} pairs of different videos or segments differ in {least} bits or more")
    most: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(0, len(pictures), options.every):
            for name, path in copies_of(pictures[number], Path(folder)).items():
                bits = int((own.shape[1] - own[number] @ hash_bits(small_grey(path))) / 2)
                most[name] = max(most.get(name, 0), bits)
    for name, bits in most.items():
        print(f"copies that are {name} differ in {bits} bits or fewer")


if __name__ == "__main__":
    main()
