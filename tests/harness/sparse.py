"""Files that are mostly holes."""

import errno
import os

MIB = 1 << 20


def data_ranges(path):
    """[(start, end)] of what a file holds that is no hole."""
    found = []
    with open(path, "rb") as file:
        size, at = os.fstat(file.fileno()).st_size, 0
        while at < size:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                break
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            found.append((start, at))
    return found


def make_sparse(path, size, runs, random):
    """A hole of `size` with random data in `runs`: [(offset, length)]."""
    with open(path, "wb") as file:
        file.truncate(size)
        for offset, length in runs:
            file.seek(offset)
            for at in range(0, length, MIB):
                file.write(random.randbytes(min(MIB, length - at)))


def first_difference(left, right):
    """The first byte at which two files differ, or None.

    Reads only what is data in one of them.
    """
    if os.path.getsize(left) != os.path.getsize(right):
        return min(os.path.getsize(left), os.path.getsize(right))
    with open(left, "rb") as one, open(right, "rb") as other:
        for start, end in sorted(data_ranges(left) + data_ranges(right)):
            for at in range(start, end, MIB):
                size = min(MIB, end - at)
                a, b = (os.pread(file.fileno(), size, at)
                        for file in (one, other))
                if a != b:
                    return at + next(i for i in range(size)
                                     if a[i] != b[i])
    return None
