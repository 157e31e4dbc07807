"""Makes an image that knows its own content: image.py BASE.tar NUMBER OUT.tar

BASE.tar holds a shell and sha256sum with their libraries; a second layer holds files that no other number has. /data/sum lists every
file of both. The result is what `podman load` reads.
"""

import hashlib
import io
import json
import random
import sys
import tarfile

base_path, number, out_path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
draw = random.Random(number)
sums = []


def add(tar, name, content):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o755
    tar.addfile(entry, io.BytesIO(content))


with open(base_path, "rb") as file:
    base = file.read()
with tarfile.open(fileobj=io.BytesIO(base)) as tar:
    for entry in tar:
        if entry.isfile():
            sums.append((hashlib.sha256(tar.extractfile(entry).read()).hexdigest(), "/" + entry.name))

layer = io.BytesIO()
with tarfile.open(fileobj=layer, mode="w") as tar:
    # Many small files and a large one, as real images have.
    for name, size in [("large", 16 << 20)] + [(f"small-{n}", draw.randrange(1, 40000)) for n in range(200)]:
        content = draw.randbytes(size)
        sums.append((hashlib.sha256(content).hexdigest(), f"/data/{name}"))
        add(tar, f"data/{name}", content)
    add(tar, "data/sum", "".join(f"{digest}  {name}\n" for digest, name in sums).encode())

layers = {"base.tar": base, "data.tar": layer.getvalue()}
config = json.dumps({
    "architecture": "amd64",
    "os": "linux",
    "config": {"Env": ["PATH=/usr/bin:/bin"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(it).hexdigest() for it in layers.values()]},
}).encode()
manifest = json.dumps([{"Config": "config.json", "RepoTags": [f"localhost/light:{number}"], "Layers": list(layers)}]).encode()
with tarfile.open(out_path, "w") as tar:
    for name, content in {**layers, "config.json": config, "manifest.json": manifest}.items():
        add(tar, name, content)
