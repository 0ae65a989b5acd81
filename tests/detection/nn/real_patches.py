"""The paper's own patches, read from their archive."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from detection.nn.data import PatchSet


def paper_patches(data: Path) -> PatchSet:
    """The 2,717 patches in archive order; the stored 72 rows hold the patch in rows 1 to 70."""
    images, labels = [], []
    with tarfile.open(data / "prisma" / "lymphocytes_2017-03.tar.gz") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.name.endswith(".jpg") else None
            if stream is not None:
                images.append(np.asarray(Image.open(io.BytesIO(stream.read())).convert("RGB"))[1:71])
                labels.append(int(Path(member.name).name.startswith("positive")))
    return PatchSet(np.stack(images), np.array(labels, dtype=np.int64))
