"""What the golden data directories hold: small, and the same for ever."""

import hashlib
import os
import pathlib

KIB = 1 << 10
MIB = 1 << 20
IMAGE_CHUNK_BYTES = 256 * KIB
TIME = 1_700_000_000


def noise(name, size):
    """Bytes that do not compress, told by a name."""
    return hashlib.shake_256(name.encode()).digest(size)


def image(version):
    """64 MiB: many different chunks, a run of equal ones, holes."""
    content = bytearray(64 * MIB)
    for number in range(220):
        if 150 <= number < 155:
            continue
        name = "run" if 100 <= number < 110 else number
        line = f"{version if number % 50 == 7 else 1}/{name};".encode()
        begin = number * IMAGE_CHUNK_BYTES
        content[begin:begin + 40 * KIB] = (
            line * (40 * KIB // len(line) + 1))[:40 * KIB]
    content[3 * MIB:3 * MIB + 5000] = noise("image", 5000)
    return bytes(content)


def stream(version):
    """4 MiB of lines; the second version has some inserted."""
    lines = [f"{number:06d} {'x' * 60}\n" for number in range(62_000)]
    if version == 2:
        lines[30_000:30_000] = ["inserted\n"] * 17
    return "".join(lines).encode() + noise("stream", 20 * KIB)


def make_tree(folder):
    tree = pathlib.Path(folder)
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "a.txt").write_bytes(b"golden\n" * 1000)
    (tree / "empty").write_bytes(b"")
    os.symlink("sub/a.txt", tree / "link")
    os.link(tree / "sub" / "a.txt", tree / "sub" / "twin")
    for path in [*tree.rglob("*"), tree]:
        if not path.is_symlink():
            path.chmod(0o750 if path.is_dir() else 0o640)
        os.utime(path, (TIME, TIME), follow_symlinks=False)


def write_files(folder, version):
    """{name of an archive: the file that is backed up}, below `folder`."""
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    files = {"disk.img": image(version), "lines.raw": stream(version),
             "conf.blob": f"version = {version}\n".encode(),
             "none.raw": b""}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {name: str(folder / name) for name in files}
