"""A directory with all that a file system can hold, and what two have in
common: everything but inode numbers, change and access times."""

import collections
import hashlib
import os
import stat
import subprocess

SPARSE_BYTES = 12 << 20


def make_tree(root, random, as_root=True):
    """`root` must not exist. Without `as_root`: no owners, no devices."""
    os.makedirs(root)

    def path(*parts):
        return os.path.join(root, *parts)

    for folder in ("empty", "closed", "sticky", "deep",
                   *(os.path.join("deep", *["level"] * n)
                     for n in range(1, 12))):
        os.mkdir(path(folder))
    sizes = (0, 1, 511, 512, 513, 4096, 100_000, 3_000_001)
    for size in sizes:
        with open(path(f"size-{size}"), "wb") as file:
            file.write(random.randbytes(size))
    for number in range(60):
        with open(path("deep", f"small-{number}"), "wb") as file:
            file.write(b"%d" % number * 20)
    names = (b"with space", b"new\nline", "umläut".encode(), b"bad-\xff\xfe",
             b"-dash", b"'quote\"", b"back\\slash", b"n" * 255)
    for name in names:
        with open(os.path.join(os.fsencode(root), name), "wb") as file:
            file.write(name)
    long = os.path.join(root, *["d" * 100] * 4)
    os.makedirs(long)
    with open(os.path.join(long, "f" * 200), "wb") as file:
        file.write(b"long")
    _make_sparse(path("sparse"), random)
    os.link(path("size-4096"), path("deep", "hard-link"))
    os.link(path("size-4096"), path("another-link"))
    os.symlink("size-1", path("symlink"))
    os.symlink("/nowhere/at/all", path("dangling"))
    os.symlink("../" * 5 + "etc", path("deep", "upwards"))
    os.symlink("symlink", path("symlink-to-symlink"))
    os.mkfifo(path("fifo"))
    for name, value in (("user.short", b"x"), ("user.binary", bytes(range(64))),
                        ("user.empty", b"")):
        os.setxattr(path("size-512"), name, value)
    os.setxattr(path("deep"), "user.folder", b"of a folder")
    if as_root:
        os.chown(path("size-513"), 12345, 54321)
        os.chown(path("symlink"), 1234, 4321, follow_symlinks=False)
        os.chown(path("empty"), 1000, 1000)
        os.mknod(path("null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(path("block"), stat.S_IFBLK | 0o600, os.makedev(7, 200))
    subprocess.run(["setfacl", "-m", "u:12:rw,g:34:r", path("size-511")],
                   check=True)
    subprocess.run(["setfacl", "-d", "-m", "u:12:rwx", path("deep")],
                   check=True)
    os.chmod(path("size-100000"), 0o4750)
    os.chmod(path("size-1"), 0o400)
    os.chmod(path("size-0"), 0o000)
    os.chmod(path("sticky"), 0o1777)
    os.chmod(path("closed"), 0o500)
    os.utime(path("size-1"), ns=(1, 1_000_000_007))
    os.utime(path("size-512"), ns=(0, 1_700_000_000_123_456_789))
    os.utime(path("symlink"), ns=(0, 1_234_567_890_000_000_001),
             follow_symlinks=False)
    os.utime(path("empty"), ns=(0, 987_654_321_987_654_321))


def _make_sparse(path, random):
    with open(path, "wb") as file:
        file.truncate(SPARSE_BYTES)
        file.seek(5 << 20)
        file.write(random.randbytes(70_000))


def describe(root):
    """{relative path as bytes: what a restore must bring back}."""
    root = os.fsencode(root)
    found = {}
    first_names = {}
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in [b"."] * (folder == root) + folders + sorted(files):
            full = os.path.join(folder, name)
            relative = os.path.relpath(full, root)
            found[relative] = _describe_one(full, relative, first_names)
    shared = collections.Counter(
        facts.get("same as") for facts in found.values())
    for facts in found.values():
        # Its other names may lie outside of the tree.
        if shared[facts.get("same as")] == 1:
            del facts["same as"]
    return found


def _describe_one(full, relative, first_names):
    status = os.lstat(full)
    kind = stat.S_IFMT(status.st_mode)
    facts = {
        "kind": stat.filemode(status.st_mode)[0],
        "owner": (status.st_uid, status.st_gid),
        "mtime": status.st_mtime_ns,
    }
    if kind != stat.S_IFLNK:
        facts["mode"] = oct(stat.S_IMODE(status.st_mode))
        facts["xattrs"] = {
            name: os.getxattr(full, name, follow_symlinks=False)
            for name in os.listxattr(full, follow_symlinks=False)}
    else:
        facts["target"] = os.readlink(full)
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        facts["device"] = status.st_rdev
    if kind == stat.S_IFREG:
        with open(full, "rb") as file:
            facts["content"] = hashlib.file_digest(file, "sha256").hexdigest()
        facts["size"] = status.st_size
        if status.st_nlink > 1:
            facts["same as"] = first_names.setdefault(
                (status.st_dev, status.st_ino), relative)
        # Coarse: file systems allocate more than is written.
        facts["sparse"] = status.st_blocks * 512 < status.st_size // 2
    return facts


def differences(left, right):
    """Of two descriptions; one line each, empty when they agree."""
    lines = []
    for path in sorted(left.keys() | right.keys()):
        one, two = left.get(path), right.get(path)
        if one is None or two is None:
            lines.append(f"{path}: only in {'second' if one is None else 'first'}")
        elif one != two:
            lines.append(f"{path}: " + ", ".join(
                f"{key}: {one.get(key)} != {two.get(key)}"
                for key in one.keys() | two.keys()
                if one.get(key) != two.get(key)))
    return lines
