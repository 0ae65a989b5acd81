"""Writes slides of several files, as OpenSlide reads them: MIRAX, Hamamatsu VMS and DICOM; and puts them into a ZIP."""

import io
import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage, generate_uid

from tests.labeling.slides.files import Pixels

TILE = 128
SLIDE_ID = "0123456789abcdef0123456789abcdef"
LABEL_LAYERS = {"ScanDataLayer_SlideThumbnail": "THUMBNAIL", "ScanDataLayer_SlideBarcode": "BARCODE"}


def jpeg(pixels: Pixels, **options: Any) -> bytes:
    """Encode pixels so that hardly anything is lost."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=95, subsampling=0, **options)
    return out.getvalue()


def halved(pixels: Pixels, step: int) -> Pixels:
    """Make one pixel of ``step``² each."""
    height, width = pixels.shape[0] // step, pixels.shape[1] // step
    return np.asarray(Image.fromarray(pixels[: height * step, : width * step]).reduce(step))


def zip_of(folder: Path, path: Path, *, prefix: str = "", compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Pack all files of a folder and its subfolders, as a person would."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            archive.write(file, f"{prefix}{file.relative_to(folder)}")
    return path


def write_vms(folder: Path, pixels: Pixels, *, name: str = "scan", mpp: float = 0.5, told: Iterable[str] = ()) -> Path:
    """Write a VMS slide of two JPEGs side by side, a map, a macro image and an empty list of places.

    Args:
        folder: made where it is missing.
        pixels: width a multiple of 256, height of 8.
        name: of the slide's files.
        mpp: µm per pixel.
        told: more lines of its list, as ``Key=value``.

    Returns:
        The file that names the others.
    """
    folder.mkdir(parents=True, exist_ok=True)
    height, width = pixels.shape[:2]
    half = width // 2
    parts = {"": pixels[:, :half], "_1,0": pixels[:, half:], "_map": halved(pixels, 16)}
    for part, shown in parts.items():
        blocks = min(TILE, shown.shape[1]) // 8
        (folder / f"{name}{part}.jpg").write_bytes(jpeg(np.ascontiguousarray(shown), restart_marker_blocks=blocks))
    (folder / f"{name}_macro.jpg").write_bytes(jpeg(halved(pixels, 4)))
    (folder / f"{name}.opt").write_bytes(b"")
    lines = [
        "[Virtual Microscope Specimen]",
        "NoLayers=1",
        "NoJpegColumns=2",
        "NoJpegRows=1",
        f"ImageFile={name}.jpg",
        f"ImageFile(1,0)={name}_1,0.jpg",
        f"MapFile={name}_map.jpg",
        f"MacroImage={name}_macro.jpg",
        f"OptimisationFile={name}.opt",
        f"PhysicalWidth={round(width * mpp * 1000)}",
        f"PhysicalHeight={round(height * mpp * 1000)}",
        "SourceLens=20",
        *told,
    ]
    main = folder / f"{name}.vms"
    main.write_text("\r\n".join(lines) + "\r\n")
    return main


def _dicom_dataset(kind: str, shape: tuple[int, ...], mpp: float, tile: int, series: str) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = VLWholeSlideMicroscopyImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.ImageType = ["ORIGINAL", "PRIMARY", kind, "NONE"]
    data.SeriesInstanceUID = series
    data.Modality = "SM"
    data.DimensionOrganizationType = "TILED_FULL"
    data.TotalPixelMatrixRows, data.TotalPixelMatrixColumns = shape[:2]
    data.Rows = data.Columns = tile
    data.SamplesPerPixel, data.PlanarConfiguration, data.PixelRepresentation = 3, 0, 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    data.PhotometricInterpretation = "YBR_FULL_422"
    data.TotalPixelMatrixFocalPlanes = 1
    spacing = Dataset()
    spacing.PixelSpacing = [f"{mpp / 1000:.6f}"] * 2
    spacing.SliceThickness = "0.001"
    shared = Dataset()
    shared.PixelMeasuresSequence = [spacing]
    data.SharedFunctionalGroupsSequence = [shared]
    path = Dataset()
    path.ObjectiveLensPower = "20"
    data.OpticalPathSequence = [path]
    return data


def _tiles(pixels: Pixels, tile: int) -> Iterator[Pixels]:
    """Cut into whole tiles; beyond the edge its pixels are repeated."""
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % tile), (0, -width % tile), (0, 0)), mode="edge")
    for y in range(0, height, tile):
        for x in range(0, width, tile):
            yield np.ascontiguousarray(padded[y : y + tile, x : x + tile])


def write_dicom(
    folder: Path,
    pixels: Pixels,
    *,
    mpp: float = 0.5,
    label: Pixels | None = None,
    series: str | None = None,
    native: bool = False,
    said: dict[str, str] | None = None,
) -> Path:
    """Write a DICOM slide: a file for each of two levels, 1 and a quarter, and one for its label.

    Args:
        folder: made where it is missing.
        pixels: of level 0.
        mpp: µm per pixel.
        label: the label's pixels, square.
        series: UID of the series.
        native: leave the pixels uncompressed.
        said: further attributes of each file, by keyword.

    Returns:
        One of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    series = series or generate_uid()
    shown = [("VOLUME", pixels, mpp, TILE), ("VOLUME", halved(pixels, 4), mpp * 4, TILE)]
    if label is not None:
        shown.append(("LABEL", label, mpp, label.shape[0]))
    for n, (kind, image, spacing, tile) in enumerate(shown):
        data = _dicom_dataset(kind, image.shape, spacing, tile, series)
        frames = list(_tiles(image, tile))
        data.NumberOfFrames = len(frames)
        for keyword, value in (said or {}).items():
            setattr(data, keyword, value)
        if native:
            data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            data.PhotometricInterpretation = "RGB"
            data.PixelData = b"".join(frame.tobytes() for frame in frames)
        else:
            data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
            data.PixelData = encapsulate([jpeg(frame) for frame in frames])
            data["PixelData"].VR = "OB"
        if n == 1:
            data.ImageType = ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"]
        data.save_as(folder / f"IM{n:04}.dcm", enforce_file_format=True)
    return folder / "IM0000.dcm"


class _Index:
    """Index.dat in the making: 32-bit numbers that point at one another."""

    def __init__(self) -> None:
        self._data = bytearray(f"01.02{SLIDE_ID}".encode() + bytes(8))
        self._roots = len(self._data) - 8

    def _append(self, *numbers: int) -> int:
        at = len(self._data)
        self._data += struct.pack(f"<{len(numbers)}i", *numbers)
        return at

    def add(self, levels: list[list[tuple[int, int, int, int]]], extra: list[tuple[int, int, int]]) -> bytes:
        """Point at each level's images (number, offset, length, file) and at other records (offset, length, file)."""
        level_places = [
            self._append(0, self._append(len(images), 0, *(number for image in images for number in image)))
            for images in levels
        ]
        records = [self._append(0, self._append(1, 0, 0, 0, *record)) for record in extra]
        roots = self._append(*level_places), self._append(*records)
        struct.pack_into("<2i", self._data, self._roots, *roots)
        return bytes(self._data)


def _ini(groups: dict[str, dict[str, object]]) -> bytes:
    lines = [
        line for name, known in groups.items() for line in (f"[{name}]", *(f"{k} = {v}" for k, v in known.items()))
    ]
    return b"\xef\xbb\xbf" + "\r\n".join(lines).encode()


def write_mirax(
    folder: Path,
    pixels: Pixels,
    *,
    name: str = "scan",
    mpp: float = 0.5,
    levels: int = 3,
    unscanned: Iterable[int] = (),
    pictures: dict[str, bytes] | None = None,
    said: dict[str, object] | None = None,
) -> Path:
    """Write a MIRAX slide of JPEG tiles in two data files.

    Args:
        folder: made where it is missing.
        pixels: sides multiples of 128 · 2^(levels - 1).
        name: of the slide.
        mpp: µm per pixel.
        levels: how many, each half of the one before.
        unscanned: numbers of level-0 tiles that are left out, as scanners do with glass.
        pictures: JPEGs of macro and label, by the names in ``LABEL_LAYERS``.
        said: more of its GENERAL group.

    Returns:
        The file that bears the slide's name.
    """
    inside = folder / name
    inside.mkdir(parents=True, exist_ok=True)
    columns, rows = pixels.shape[1] // TILE, pixels.shape[0] // TILE
    data, index, left_out = [bytearray(64), bytearray(64)], [], set(unscanned)
    for level in range(levels):
        step, images = 2**level, []
        for n, tile in enumerate(_tiles(halved(pixels, step), TILE)):
            number = n // (columns // step) * step * columns + n % (columns // step) * step
            if not (level == 0 and number in left_out):
                images.append((number, len(data[n % 2]), len(jpeg(tile)), n % 2))
                data[n % 2] += jpeg(tile)
        index.append(images)
    extra = []
    for picture in (pictures or {}).values():
        extra.append((len(data[0]), len(picture), 0))
        data[0] += picture
    groups = _slidedat(columns, rows, levels, mpp, pictures or {})
    groups["GENERAL"] |= said or {}
    (inside / "Slidedat.ini").write_bytes(_ini(groups))
    (inside / "Index.dat").write_bytes(_Index().add(index, extra))
    for n, content in enumerate(data):
        (inside / f"Data{n:04}.dat").write_bytes(content)
    main = folder / f"{name}.mrxs"
    main.write_bytes(jpeg(halved(pixels, 4)))
    return main


def _slidedat(
    columns: int, rows: int, levels: int, mpp: float, pictures: dict[str, bytes]
) -> dict[str, dict[str, object]]:
    general: dict[str, object] = {
        "SLIDE_VERSION": "01.02",
        "SLIDE_ID": SLIDE_ID,
        "IMAGENUMBER_X": columns,
        "IMAGENUMBER_Y": rows,
        "OBJECTIVE_MAGNIFICATION": 20,
        "CameraImageDivisionsPerSide": 1,
    }
    hierarchy: dict[str, object] = {
        "HIER_COUNT": 1,
        "NONHIER_COUNT": 1 if pictures else 0,
        "INDEXFILE": "Index.dat",
        "HIER_0_NAME": "Slide zoom level",
        "HIER_0_COUNT": levels,
        **{f"HIER_0_VAL_{n}_SECTION": f"LAYER_0_LEVEL_{n}_SECTION" for n in range(levels)},
    }
    layers: dict[str, dict[str, object]] = {}
    if pictures:
        hierarchy |= {"NONHIER_0_NAME": "Scan data layer", "NONHIER_0_COUNT": len(pictures)}
        for n, name in enumerate(pictures):
            section = f"NONHIERLAYER_0_LEVEL_{n}_SECTION"
            hierarchy |= {f"NONHIER_0_VAL_{n}": name, f"NONHIER_0_VAL_{n}_SECTION": section}
            layers[section] = {f"{LABEL_LAYERS[name]}_IMAGE_TYPE": "JPEG"}
    for n in range(levels):
        layers[f"LAYER_0_LEVEL_{n}_SECTION"] = {
            "OVERLAP_X": 0,
            "OVERLAP_Y": 0,
            "MICROMETER_PER_PIXEL_X": mpp * 2**n,
            "MICROMETER_PER_PIXEL_Y": mpp * 2**n,
            "IMAGE_FORMAT": "JPEG",
            "IMAGE_FILL_COLOR_BGR": 16777215,
            "DIGITIZER_WIDTH": TILE,
            "DIGITIZER_HEIGHT": TILE,
            "IMAGE_CONCAT_FACTOR": 1 if n else 0,
        }
    files = {"FILE_COUNT": 2, "FILE_0": "Data0000.dat", "FILE_1": "Data0001.dat"}
    return {"GENERAL": general, "HIERARCHICAL": hierarchy, **layers, "DATAFILE": dict(files)}
