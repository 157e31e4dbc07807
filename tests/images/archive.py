"""Reads an OCI archive as it is specified, and says which of Debian's packages are in the image: archive.py FILE. Every blob must have the digest that
its name says, and layers are applied in their order."""
import gzip
import hashlib
import io
import json
import sys
import tarfile

with tarfile.open(sys.argv[1]) as archive:
    def blob(digest):
        data = archive.extractfile("blobs/" + digest.replace(":", "/")).read()
        assert "sha256:" + hashlib.sha256(data).hexdigest() == digest, digest
        return data

    index = json.load(archive.extractfile("index.json"))
    (manifest,) = index["manifests"]
    manifest = json.loads(blob(manifest["digest"]))
    json.loads(blob(manifest["config"]["digest"]))
    status = None
    for layer in manifest["layers"]:
        data = blob(layer["digest"])
        data = gzip.decompress(data) if layer["mediaType"].endswith("gzip") else data
        with tarfile.open(fileobj=io.BytesIO(data)) as files:
            for member in files:
                if member.name.lstrip("./") == "var/lib/dpkg/status":
                    status = files.extractfile(member).read().decode()

for block in status.split("\n\n"):
    fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] not in " \t")
    if fields.get("Status") == "install ok installed":
        print(fields["Package"], fields["Version"])
