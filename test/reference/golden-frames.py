"""Writes the golden values of test/video with transformers, torchvision and Pillow as the references.

Run from the repository's root: python test/reference/golden-frames.py
- golden/resize.json: smart_resize, resizes of Pillow (PIL image processor) and torchvision (video processor), pixel_values of both;
- golden/stills.json: small pictures made by Pillow, and what Pillow decodes of them;
- golden/real.json: SHA-256 of what Pillow decodes of real clips (../shared/data), which are not part of the project.
"""

import base64
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
import transformers
from PIL import Image, ImageOps, ImageSequence
from torchvision.transforms.v2 import functional as F
from transformers import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

GOLDEN = Path(__file__).parents[1] / "video" / "golden"
DATA = Path("../shared/data")
VERSIONS = {
    "transformers": transformers.__version__,
    "torchvision": torchvision.__version__,
    "torch": torch.__version__,
    "pillow": PIL.__version__,
}


def sha(data) -> str:
    return hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest()


def picture(height: int, width: int, phase: int = 0) -> np.ndarray:
    """The formula that fixtures.ts has too: smooth and sharp parts, black and white."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    ramp = (x * 7 + y * 13 + c * 29 + phase * 31) & 255
    noise = (((x + 1) * (y + 3) * (c + 5) + phase) * 2654435761 >> 7) & 255
    return np.where((x // 8 + y // 8) % 2 == 0, ramp, np.where(noise > 127, 255, noise)).astype(np.uint8)


SIZES = [(512, 512), (100, 80), (333, 517), (64, 64), (720, 1280), (1, 7), (28, 300), (2000, 30), (14, 42), (42, 70), (13, 13), (1080, 1920)]
LIMITS = [(3136, 100352), (3136, 1003520), (100352, 602112), (784, 784)]
RESIZES = [(512, 512, 252, 252), (100, 80, 56, 84), (333, 517, 140, 224), (64, 64, 112, 112), (1, 7, 28, 28), (28, 300, 28, 56), (600, 30, 560, 28), (800, 50, 28, 28), (56, 56, 56, 84)]


def resize() -> None:
    sizes = []
    for height, width in SIZES:
        for low, high in LIMITS:
            sizes.append([height, width, low, high, *smart_resize(height, width, 28, low, high)])
    resized = []
    for h, w, H, W in RESIZES:
        source = picture(h, w)
        resized.append([h, w, H, W, "image", sha(Image.fromarray(source).resize((W, H), Image.Resampling.BICUBIC))])
        frame = torch.from_numpy(source).permute(2, 0, 1)
        out = F.resize(frame, [H, W], interpolation=F.InterpolationMode.BICUBIC, antialias=True)
        resized.append([h, w, H, W, "video", sha(out.permute(1, 2, 0).numpy())])
    size = {"shortest_edge": 3136, "longest_edge": 50176}
    image = Qwen2VLImageProcessorPil(size=dict(size))
    video = Qwen2VLVideoProcessor(size=dict(size), cap_pixels_per_frame=False)
    patches = []
    for h, w, frames in [(333, 517, 0), (56, 84, 0), (100, 80, 2), (240, 320, 3)]:
        stack = [picture(h, w, phase) for phase in range(max(1, frames))]
        if frames == 0:
            out = image(images=[Image.fromarray(stack[0])], return_tensors="pt")
            values, grid = out["pixel_values"], out["image_grid_thw"]
        else:
            clip = torch.from_numpy(np.stack(stack)).permute(0, 3, 1, 2)
            out = video(videos=[clip], return_tensors="pt")
            values, grid = out["pixel_values_videos"], out["video_grid_thw"]
        patches.append({"height": h, "width": w, "frames": frames, "grid": grid[0].tolist(), "sha256": sha(values.numpy()), "some": [float(v) for v in values[5, :1200:100]]})
    golden = {"versions": VERSIONS, "sizes": sizes, "resized": resized, "patches": patches, "mean": image.image_mean, "std": image.image_std}
    (GOLDEN / "resize.json").write_text(json.dumps(golden, indent=1) + "\n")


def on_white(image: Image.Image) -> Image.Image:
    """qwen-vl-utils' to_rgb."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        page = Image.new("RGB", image.size, (255, 255, 255))
        page.paste(image, mask=image.split()[3])
        return page
    return image.convert("RGB")


def stills() -> None:
    rgb = picture(20, 24)
    alpha = (np.arange(480, dtype=np.uint32).reshape(20, 24) % 256).astype(np.uint8)
    cases = []

    def add(name, image, expected=None, **save) -> None:
        buffer = io.BytesIO()
        image.save(buffer, **save)
        data = buffer.getvalue()
        if expected is None:
            expected = np.asarray(on_white(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))))
        cases.append({"name": name, "file": base64.b64encode(data).decode(), "shape": list(expected.shape[:2]), "sha256": sha(expected)})

    base = Image.fromarray(rgb)
    for quality, sampling in [(90, 2), (75, 0), (50, 1)]:
        add(f"jpeg-q{quality}-s{sampling}", base, format="JPEG", quality=quality, subsampling=sampling)
    add("jpeg-progressive", base, format="JPEG", progressive=True)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        add(f"jpeg-orientation-{orientation}", base, format="JPEG", exif=exif)
    add("jpeg-grey", base.convert("L"), format="JPEG")
    add("jpeg-cmyk", base.convert("CMYK"), format="JPEG")
    add("png", base, format="PNG")
    add("png-grey", base.convert("L"), format="PNG")
    add("png-1-bit", base.convert("1"), format="PNG")
    add("png-palette", base.quantize(17), format="PNG")
    add("png-palette-transparent", base.quantize(17), format="PNG", transparency=3)
    add("png-rgba", Image.fromarray(np.dstack([rgb, alpha])), format="PNG")
    add("png-grey-alpha", Image.fromarray(np.dstack([rgb[..., 0], alpha]), "LA"), format="PNG")
    deep = (np.arange(480, dtype=np.uint32) * 137 % 65536).astype(np.uint16).reshape(20, 24)
    # Pillow clips 16-bit grey at 255, which is no rendering of it: the high byte is expected, as Pillow does for 16-bit RGB.
    add("png-grey-16", Image.fromarray(deep), np.repeat((deep >> 8).astype(np.uint8)[..., None], 3, 2), format="PNG")
    add("webp-lossless", base, format="WEBP", lossless=True)
    add("gif", base, format="GIF")
    add("tiff", base, format="TIFF")
    (GOLDEN / "stills.json").write_text(json.dumps({"versions": VERSIONS, "cases": cases}, indent=1) + "\n")


def real() -> None:
    pictures = {}
    for path in sorted(DATA.glob("biq2021/**/*.jpg"))[::400]:
        pictures[str(path.relative_to(DATA))] = sha(np.asarray(Image.open(path).convert("RGB")))
    clips = {}
    for path in sorted(DATA.glob("fetv/**/*.gif"))[::6]:
        clips[str(path.relative_to(DATA))] = [sha(np.asarray(f.convert("RGB"))) for f in ImageSequence.Iterator(Image.open(path))]
    (GOLDEN / "real.json").write_text(json.dumps({"versions": VERSIONS, "pictures": pictures, "clips": clips}, indent=1) + "\n")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    resize()
    stills()
    real()
