"""python golden-bmp.py: bitmaps of every kind that is read, as Pillow writes or as laid out by hand, with the SHA-256 of Pillow's
RGB, for bmp.test.ts. Writes golden/bmp.json beside itself."""
import base64, hashlib, io, json, pathlib, struct
import numpy as np
import PIL
from PIL import Image

y, x = np.mgrid[0:9, 0:13]
rgb = np.stack([(x * 19 + y * 7) & 255, (x * 5 + y * 31) & 255, (x * y * 3 + 11) & 255], 2).astype(np.uint8)
cases = []


def add(name, data):
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    cases.append({"name": name, "file": base64.b64encode(data).decode(), "shape": [picture.height, picture.width],
                  "sha256": hashlib.sha256(np.asarray(picture).tobytes()).hexdigest()})


def saved(image):
    out = io.BytesIO()
    image.save(out, "BMP")
    return out.getvalue()


def by_hand(bits, rows, height, compression=0, masks=b"", palette=b"", colours=0):
    header = struct.pack("<IiiHHIIiiII", 40, 13, height, 1, bits, compression, 0, 2835, 2835, colours, 0)
    start = 14 + len(header) + len(masks) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(rows), 0, 0, start) + header + masks + palette + rows


image = Image.fromarray(rgb)
add("24 bits", saved(image))
add("8 bits, a palette", saved(image.quantize(60)))
add("8 bits, grey", saved(image.convert("L")))
add("1 bit", saved(image.convert("1")))
pad = lambda row: row + b"\0" * (-len(row) % 4)
add("24 bits, the first row on top", by_hand(24, b"".join(pad(rgb[i, :, ::-1].tobytes()) for i in range(9)), -9))
add("32 bits", by_hand(32, b"".join(np.dstack([rgb[i:i + 1, :, ::-1], np.full((1, 13, 1), 7, np.uint8)]).tobytes() for i in range(8, -1, -1)), 9))
packed = (rgb.astype(np.uint16) >> 3) @ np.array([1024, 32, 1], np.uint16)
add("16 bits of 5, 5 and 5", by_hand(16, b"".join(pad(packed[i].astype("<u2").tobytes()) for i in range(8, -1, -1)), 9))
packed = (rgb[..., 0].astype(np.uint16) >> 3 << 11) | (rgb[..., 1].astype(np.uint16) >> 2 << 5) | (rgb[..., 2] >> 3)
masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
add("16 bits of 5, 6 and 5", by_hand(16, b"".join(pad(packed[i].astype("<u2").tobytes()) for i in range(8, -1, -1)), 9, 3, masks))
nibbles = lambda i: pad(bytes((int(rgb[i, k, 0]) >> 4 << 4) | (int(rgb[i, k + 1, 0]) >> 4 if k + 1 < 13 else 0) for k in range(0, 13, 2)))
palette = b"".join(struct.pack("<BBBB", 17 * k, 255 - 9 * k, (k * 37) & 255, 0) for k in range(16))
add("4 bits, a palette", by_hand(4, b"".join(nibbles(i) for i in range(8, -1, -1)), 9, palette=palette))
path = pathlib.Path(__file__).parent / "golden" / "bmp.json"
path.write_text(json.dumps({"by": f"golden-bmp.py, Pillow {PIL.__version__}", "cases": cases}, indent=1) + "\n")
