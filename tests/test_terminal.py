import struct
import subprocess
import sys

from test_damaged_images import KINDS, PICTURE


def errors_of(folder, program):
    """What a program that decodes pictures in that folder leaves on the terminal."""
    program = f"import sys\nfrom pathlib import Path\nfrom swsss.data.images import read_image\n{program}"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return done.stderr.splitlines()


def test_decode_image__nothing_on_the_terminal(tmp_path):
    PICTURE.quantize(16).save(tmp_path / "indexed.png", transparency=bytes(range(16)))
    samples = struct.pack("<2HI", 277, 3, 1)
    (tmp_path / "samples.tif").write_bytes(KINDS["tiff"].replace(samples + b"\3\0", samples + b"\0\10"))
    for kind, data in KINDS.items():
        (tmp_path / f"{kind}.jpg").write_bytes(data)
        (tmp_path / f"{kind} cut.jpg").write_bytes(data[: len(data) // 2])
    program = (
        "from swsss.errors import UserError\nfrom PIL import Image\nImage.MAX_IMAGE_PIXELS = 50000\n"
        "for path in sorted(Path().iterdir()):\n"
        "    try: print(read_image(path)[0].shape)\n    except UserError: pass"
    )
    assert errors_of(tmp_path, program) == []


def test_quiet_decoders__only_python_writes_to_the_terminal(tmp_path):
    data = KINDS["jpeg"]
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    program = (
        "from swsss.data.quiet import quiet_decoders\n"
        "with quiet_decoders():\n    print(read_image(Path('a.jpg'))[0].shape, file=sys.stderr)\n"
        "print('after', file=sys.stderr); sys.stderr.flush(); read_image(Path('a.jpg'))"
    )
    noise = "Corrupt JPEG data: premature end of data segment"
    assert errors_of(tmp_path, program) == ["(240, 320, 3)", "after", noise]
