# SPDX-License-Identifier: Apache-2.0
"""Trees as downloads leave them, and what is in a tree: for the tests of `flowrun collect`."""
import hashlib
import os
import pathlib
import random
import stat

JOURNAL = ".flowrun-collect"
TIME = 1_600_000_000_123_456_789  # nanoseconds


def write(path, content, number=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, (0o644, 0o600, 0o444, 0o755)[number % 4])
    os.utime(path, ns=(TIME, TIME + number * 1001))


def make_tree(root, files, seed, largest=64):
    """About so many files: slides, logs and annotations in a folder each, with all that makes it difficult."""
    rand = random.Random(seed)
    root.mkdir(parents=True)
    made = 0

    def add(path, content=None):
        nonlocal made
        made += 1
        write(root / path, rand.randbytes(rand.randint(1, largest)) if content is None else content, made)

    while made < files:
        number = made
        folder = f"batch {number % 7}/{rand.getrandbits(64):016x}-ü{number}"
        kind = rand.randrange(12)
        add(f"{folder}/slide {number}.svs")
        add(f"{folder}/annotations.txt")
        if kind == 0:
            add(f"{folder}/same.svs", "one and the same")
        elif kind == 1:
            add(f"{folder}/same.svs")
        elif kind == 2:
            add(f"{folder}/Größe {number}.MRXS")
            add(f"{folder}/Größe {number}/Slidedat.ini")
            add(f"{folder}/Größe {number}/deep/Data0000.dat")
        elif kind == 3:
            add(f"{folder}/mirax.mrxs", "mirax")
            add(f"{folder}/mirax/Data0000.dat", b"abc"[rand.randrange(3):])
        elif kind == 4:
            add("/".join([folder, *["deep"] * 30, f"{number}.ndpi"]))
        elif kind == 5:
            add(f"{folder}/run.log", b"ab"[rand.randrange(2):])
        elif kind == 6:
            os.makedirs(root / folder / "empty" / "empty too")
        elif kind < 10:
            for part in range(kind - 6):
                add(f"{folder}/logs/{part}.parcel")
        else:
            (root / folder / "annotations.txt").unlink()
            made -= 1
    add(pathlib.Path(os.fsdecode(b"no utf8 \xff%41\n/\xfe.svs")))
    add("top.svs")
    os.symlink("top.svs", root / "link.svs")
    os.symlink("/nowhere", root / "broken")
    os.mkfifo(root / "pipe.svs")


def digest(path):
    with open(path, "rb", buffering=0) as file:
        return hashlib.sha256(file.read()).hexdigest()


def state(*roots, times=True):
    """All that is in folders, but for journals: what it is, its permissions, a file's hash and time."""
    found = {}
    for number, root in enumerate(map(os.fspath, roots)):
        for place, folders, files in os.walk(root):
            if JOURNAL in folders:
                folders.remove(JOURNAL)
            for name in [*folders, *files]:
                path = os.path.join(place, name)
                facts = os.lstat(path)
                entry = [stat.filemode(facts.st_mode)]
                if stat.S_ISREG(facts.st_mode):
                    entry.append(digest(path))
                    if times:
                        entry.append(facts.st_mtime_ns)
                elif stat.S_ISLNK(facts.st_mode):
                    entry.append(os.readlink(path))
                found[f"{number}/{path[len(root) + 1:]}"] = tuple(entry)
    return found


def contents(*roots):
    """The hashes of all files, each once."""
    return {entry[1] for entry in state(*roots).values() if entry[0].startswith("-")}
