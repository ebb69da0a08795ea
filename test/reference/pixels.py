"""python pixels.py DIR DATA: JPEGs made of real pictures, and the pixel values that transformers gives of them, for pixels.test.ts.
Writes DIR/NAME.jpg or .gif, and DIR/NAME.safetensors: of pictures the values of the PIL image processor, of clips those of the video
processor, which is torchvision's. Prints the cases as JSON; of pictures also how far the image processor that transformers takes
where torchvision is installed is from PIL's, in grey levels."""
import json, pathlib, random, shutil, sys
import numpy as np
import PIL, torchvision, transformers
from PIL import Image, ImageSequence
from safetensors.numpy import save_file
from transformers import Qwen2VLImageProcessor, Qwen2VLImageProcessorPil, Qwen2VLVideoProcessor
from transformers.image_utils import load_image

root, data = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
draw = random.Random(3)
photographs = sorted(data.glob("biq2021/**/*.jpg"))
animations = sorted(data.glob("fetv/**/*.gif"))
# Least and most pixels: pictures are reduced, kept near their size, or enlarged.
BOUNDS = [(3136, 50176), (3136, 1003520), (401408, 602112), (100352, 100352), (784, 7840)]
cases = []


def values(processor, what, **inputs):
    out = processor(**inputs, return_tensors="np")
    return np.ascontiguousarray(out[f"pixel_values{what}"], np.float32), out[f"{'video' if what else 'image'}_grid_thw"][0].tolist()


def record(kind, name, file, bounds, pixels, grid, size, **more):
    save_file({"pixels": pixels}, root / f"{name}.safetensors")
    low, high = bounds
    cases.append({"kind": kind, "name": name, "file": file, "size": list(size), "minPixels": low, "maxPixels": high, "grid": grid, **more})


def limits(bounds):
    return {"shortest_edge": bounds[0], "longest_edge": bounds[1]}


def add(kind, image, bounds=None, **save):
    """image: a picture, or a file to be taken as it is"""
    name, bounds = f"case-{len(cases)}", bounds or BOUNDS[len(cases) % len(BOUNDS)]
    path = root / f"{name}{image.suffix if isinstance(image, pathlib.Path) else '.jpg'}"
    if isinstance(image, pathlib.Path):
        shutil.copy(image, path)
    else:
        sampling = {"subsampling": draw.choice([0, 1, 2])} if image.mode == "RGB" else {}
        image.save(path, quality=draw.choice([35, 75, 90, 97]), progressive=draw.random() < 0.3, **sampling, **save)
    picture = load_image(str(path))
    pixels, grid = values(Qwen2VLImageProcessorPil(size=limits(bounds)), "", images=[picture])
    other, _ = values(Qwen2VLImageProcessor(size=limits(bounds)), "", images=[picture])
    std = np.repeat(np.array(Qwen2VLImageProcessorPil.image_std), pixels.shape[1] // 3)
    apart = np.abs((pixels - other) * std * 255)
    record(kind, name, path.name, bounds, pixels, grid, picture.size, apart=[float(apart.max()), float(apart.mean())])


def add_clip(path, bounds):
    name = f"case-{len(cases)}"
    shutil.copy(path, root / f"{name}.gif")
    frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(Image.open(path))][:4]
    processor = Qwen2VLVideoProcessor(size=limits(bounds), cap_pixels_per_frame=False)
    pixels, grid = values(processor, "_videos", videos=[np.stack(frames)], do_sample_frames=False)
    record("four frames of a clip", name, f"{name}.gif", bounds, pixels, grid, frames[0].shape[1::-1])


def crop(width, height):
    image = photograph()
    width, height = min(width, image.width), min(height, image.height)
    left, top = draw.randint(0, image.width - width), draw.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def photograph():
    return load_image(str(draw.choice(photographs)))


def any_crop():
    return crop(draw.randint(57, 511), draw.randint(57, 511))


turned = [path for path in photographs if Image.open(path).getexif().get(0x112, 1) != 1]
other_sizes = [path for path in photographs if Image.open(path).size != (512, 512)]
for path in draw.sample(photographs, 16) + turned[:8] + other_sizes:
    add("as it is", path)
for _ in range(40):
    add("crop", any_crop())
for k in range(10):
    add("wide", crop(draw.randint(480, 512), draw.choice([3, 5, 11, 17, 29, 41])), BOUNDS[k % 4])
    add("tall", crop(draw.choice([3, 5, 11, 17, 29, 41]), draw.randint(480, 512)), BOUNDS[k % 4])
for _ in range(10):
    add("tiny", crop(draw.randint(1, 30), draw.randint(1, 30)))
for bounds in BOUNDS:
    mosaic = Image.new("RGB", (2048, 1536))
    for x in range(0, 2048, 512):
        for y in range(0, 1536, 512):
            mosaic.paste(photograph(), (x, y))
    add("large", mosaic.crop((0, 0, draw.randint(1101, 2047), draw.randint(801, 1535))), bounds)
for _ in range(8):
    add("grey", any_crop().convert("L"))
    add("cmyk", any_crop().convert("CMYK"))
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x112] = orientation
    add("turned by EXIF", any_crop(), exif=exif)
for k, path in enumerate(draw.sample(animations, 8)):
    add("frame of a clip", path)
    add_clip(path, BOUNDS[k % len(BOUNDS)])
versions = {"transformers": transformers.__version__, "pillow": PIL.__version__, "torchvision": torchvision.__version__}
print(json.dumps({"versions": versions, "cases": cases}))
