#!/usr/bin/env python3
"""Makes what the comparison backs up, from the machine's /usr and a seed.

  corpus.py FOLDER SIZE_MIB [src] [vm] [rnd] [series]

makes below FOLDER, each only if asked for (default: all but series):

  src/     SIZE_MIB of whole files of /usr/include, /usr/share and /usr/lib,
           chosen in a seeded order
  src2/    src after 2 % of its files changed, 1 % went and 1 % came; the
           others are hard links to src
  vm.img   an ext4 image of 2 * SIZE_MIB: other files of /usr, and SIZE_MIB / 4
           that do not compress; the rest is free space, holes of the file
  vm2.img  vm.img after files were removed and written in it, and 2 % of it
           was overwritten in runs of 4 to 64 KiB
  rnd.bin  SIZE_MIB that do not compress
  s01/ ..  s20/, of series, which needs src: 20 generations of src, each as
           src2 with changes of its own

and manifest.json, the SHA-256 of each. The same /usr and size give the same
bytes. What is there and is as its manifest says stays as it is. Needs
e2fsprogs; does not need root.
"""

import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile

MIB = 1 << 20
VERSION = 1
EPOCH = 1_700_000_000
ROOTS = ("/usr/include", "/usr/share", "/usr/lib")
PARTS = {"src": ("src", "src2"), "vm": ("vm.img", "vm2.img"),
         "rnd": ("rnd.bin",),
         "series": tuple(f"s{number:02}" for number in range(1, 21))}
USUAL_PARTS = ("src", "vm", "rnd")
MANIFEST = "manifest.json"
MIN_SIZE_MIB = 8

# Of src2.
DROPPED, CHANGED, ADDED = 0.01, 0.02, 0.01
# Of vm2.img.
REMOVED_EVERY, WRITTEN_FILES, OVERWRITTEN = 150, 24, 0.02
BLOCK_BYTES = 4096

# Names that need no quoting beyond quotes in a script of debugfs.
SAFE_PATH = re.compile(r"[A-Za-z0-9_./+@%:,=~ ()\[\]-]+")


def write_random(path, size_bytes, seed):
    generator = random.Random(seed)
    with open(path, "wb") as file:
        for start in range(0, size_bytes, MIB):
            file.write(generator.randbytes(min(MIB, size_bytes - start)))


def choose_files(limit_bytes, salt):
    """Whole files of the machine, in an order of their salted names.

    As many as fit `limit_bytes`; sorted."""
    found = []
    for root in ROOTS:
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                if (stat.S_ISREG(status.st_mode)
                        and status.st_size <= max(limit_bytes // 8, MIB)
                        and SAFE_PATH.fullmatch(path)
                        and os.access(path, os.R_OK)):
                    place = hashlib.sha256((salt + path).encode()).digest()
                    found.append((place, path, status.st_size))
    chosen, total = [], 0
    for _, path, size in sorted(found):
        if total + size <= limit_bytes:
            total += size
            chosen.append(path)
    return sorted(chosen)


def set_times(folder):
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.utime(os.path.join(parent, name), (EPOCH, EPOCH))
        os.utime(parent, (EPOCH, EPOCH))


def files_below(folder):
    return sorted(os.path.join(parent, name)
                  for parent, _, names in os.walk(folder) for name in names)


def make_tree(folder, size_bytes):
    for path in choose_files(size_bytes, "src"):
        copy = os.path.join(folder, path[1:])
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        shutil.copyfile(path, copy)
        os.chmod(copy, 0o755 if os.stat(path).st_mode & 0o111 else 0o644)
    set_times(folder)


def edit(content, generator):
    """Inserts, deletes or overwrites up to 4 KiB somewhere."""
    start = generator.randrange(len(content) + 1)
    length = generator.randrange(1, 4096)
    form = generator.choice(("insert", "delete", "overwrite"))
    end = start if form == "insert" else start + length
    new = b"" if form == "delete" else generator.randbytes(length)
    if form == "overwrite":
        new = new[:len(content) - start]
    return content[:start] + new + content[end:]


def make_changed_tree(source, folder, seed):
    """The files of `source`, some of them replaced, dropped or added."""
    generator = random.Random(seed)
    replaced = []
    for path in files_below(source):
        copy = folder + path[len(source):]
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        draw = generator.random()
        if draw < DROPPED:
            continue
        content = None
        if draw < DROPPED + CHANGED:
            content = edit(pathlib.Path(path).read_bytes(), generator)
        else:
            os.link(path, copy)
            if draw >= 1 - ADDED:
                copy += ".new"
                content = pathlib.Path(path).read_bytes()[::-1]
        if content is not None:
            pathlib.Path(copy).write_bytes(content)
            replaced.append(copy)
    set_times(folder)
    for path in replaced:
        os.utime(path, (EPOCH + 1000, EPOCH + 1000))


def program(name):
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if found is None:
        raise SystemExit(f"{name} is missing: install e2fsprogs")
    return found


def debugfs(image, script, scratch, time):
    """Runs commands of debugfs on an image, as if it was `time`."""
    path = os.path.join(scratch, "script")
    pathlib.Path(path).write_text("".join(f"{line}\n" for line in script))
    subprocess.run([program("debugfs"), "-w", "-f", path, image], check=True,
                   capture_output=True,
                   env=os.environ | {"E2FSPROGS_FAKE_TIME": str(time)})
    checked = subprocess.run([program("e2fsck"), "-fn", image], check=False,
                             capture_output=True, text=True)
    if checked.returncode != 0:
        raise RuntimeError(f"{image} is no sound file system:\n"
                           + checked.stdout[-2000:])


def write_script(paths):
    """Commands that write each file to its own path in the image."""
    made = {"/"}
    for path in paths:
        folder, name = os.path.split(path)
        missing = []
        while folder not in made:
            made.add(folder)
            missing.append(folder)
            folder = os.path.dirname(folder)
        for parent in reversed(missing):
            yield f'mkdir "{parent}"'
        yield f'cd "{os.path.dirname(path)}"'
        yield f'write "{path}" "{name}"'


def make_image(image, size_mib, scratch):
    files = choose_files(size_mib * MIB, "vm")
    noise = os.path.join(scratch, "random.bin")
    write_random(noise, size_mib * MIB // 4, "vm")
    identity = "6d1e2f3a-0000-4000-8000-00000000000"
    subprocess.run(
        [program("mkfs.ext4"), "-q", "-F", "-b", str(BLOCK_BYTES), "-m", "0",
         "-i", "8192", "-J", f"size={8 if size_mib >= 64 else 4}",
         "-U", identity + "1", "-E",
         f"hash_seed={identity}2,root_owner=0:0,lazy_itable_init=0,"
         "lazy_journal_init=0", image, f"{2 * size_mib}M"],
        check=True, capture_output=True,
        env=os.environ | {"E2FSPROGS_FAKE_TIME": str(EPOCH)})
    # Not through `mkfs -d`, which takes over the time at which each file was
    # last copied or renamed.
    debugfs(image, [*write_script(files), "cd /",
                    f'write "{noise}" random.bin'], scratch, EPOCH)
    os.utime(image, (EPOCH, EPOCH))
    return files


def overwrite(image, share):
    """About `share` of the image in runs of whole blocks."""
    generator = random.Random("overwrite")
    size = os.path.getsize(image)
    left = int(size * share)
    with open(image, "r+b") as file:
        while left > 0:
            length = BLOCK_BYTES * generator.randrange(1, 17)
            file.seek(BLOCK_BYTES * generator.randrange(
                1024, size // BLOCK_BYTES - 16))
            line = b"%016x a line of a log\n" % generator.getrandbits(60)
            file.write(generator.randbytes(length)
                       if generator.random() < 0.5
                       else line * (length // len(line)))
            left -= length


def make_changed_image(image, changed, files, size_mib, scratch):
    subprocess.run(["cp", "--sparse=always", image, changed], check=True)
    script = [f'rm "{path}"' for path in files[7::REMOVED_EVERY]]
    for number in range(WRITTEN_FILES):
        path = os.path.join(scratch, f"new{number}.bin")
        write_random(path, size_mib * 256 + number * 777, number)
        script.append(f'write "{path}" new{number}.bin')
    debugfs(changed, script, scratch, EPOCH + 1000)
    overwrite(changed, OVERWRITTEN)
    os.utime(changed, (EPOCH + 1000, EPOCH + 1000))


def digest(path):
    """Of a file's bytes; of a folder's paths and their bytes."""
    if os.path.isfile(path):
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    total = hashlib.sha256()
    for name in files_below(path):
        total.update(name[len(path):].encode() + b"\0"
                     + digest(name).encode())
    return total.hexdigest()


def read_manifest(folder, size_mib):
    """The digests of what is there, if it was made by this and for this."""
    try:
        manifest = json.loads(pathlib.Path(folder, MANIFEST).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    if (manifest.get("version"), manifest.get("size_mib")) != (VERSION,
                                                               size_mib):
        return {}
    return manifest["parts"]


def make_part(folder, size_mib, part):
    paths = [os.path.join(folder, name) for name in PARTS[part]]
    for path in paths:
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)
    if part == "src":
        make_tree(paths[0], size_mib * MIB)
        make_changed_tree(*paths, "src2")
    elif part == "series":
        for path in paths:
            make_changed_tree(os.path.join(folder, "src"), path,
                              os.path.basename(path))
    elif part == "rnd":
        write_random(paths[0], size_mib * MIB, "rnd")
    else:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            files = make_image(paths[0], size_mib, scratch)
            make_changed_image(*paths, files, size_mib, scratch)


def ensure(folder, size_mib, parts=USUAL_PARTS):
    """Makes what is not there as its manifest says; the digests by name."""
    if size_mib < MIN_SIZE_MIB:
        raise SystemExit(f"a corpus of {size_mib} MiB: allowed is "
                         f"{MIN_SIZE_MIB} and more")
    os.makedirs(folder, exist_ok=True)
    known = read_manifest(folder, size_mib)
    for part in parts:
        names = PARTS[part]
        there = {name: digest(os.path.join(folder, name)) for name in names
                 if os.path.exists(os.path.join(folder, name))}
        if len(there) < len(names) or any(
                known.get(name) != there[name] for name in names):
            make_part(folder, size_mib, part)
            there = {name: digest(os.path.join(folder, name))
                     for name in names}
        known |= there
    known = {name: known[name] for part in PARTS for name in PARTS[part]
             if name in known}
    pathlib.Path(folder, MANIFEST).write_text(json.dumps(
        {"version": VERSION, "size_mib": size_mib, "parts": known},
        indent=2) + "\n")
    return {name: known[name] for part in parts for name in PARTS[part]}


def main():
    if len(sys.argv) < 3 or not set(sys.argv[3:]) <= set(PARTS):
        print(__doc__, file=sys.stderr)
        return 2
    made = ensure(sys.argv[1], int(sys.argv[2]), sys.argv[3:] or USUAL_PARTS)
    for name, value in made.items():
        print(value, name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
