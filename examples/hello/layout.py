"""Packs programs as single-platform images in an OCI image layout, here.

Usage: layout.py PLATFORM=PROGRAM...    (make.sh calls it)

Nothing of the machine gets into the files: no clock, no owner, no file name,
no order of a directory listing.
"""

import hashlib
import io
import json
import sys
import tarfile
import zlib
from datetime import datetime, timezone
from pathlib import Path

LAYOUT = Path(__file__).resolve().parent
CREATED = datetime(2026, 1, 1, tzinfo=timezone.utc)

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def document(value):
    """JSON, indented: these files are read in the repository."""
    return (json.dumps(value, indent=2) + "\n").encode()


def blob(media_type, data):
    """Writes a blob and returns its descriptor."""
    path = LAYOUT / "blobs" / digest(data).replace(":", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return {"mediaType": media_type, "digest": digest(data), "size": len(data)}


def tar(program):
    """A tar archive that holds /hello and nothing else."""
    entry = tarfile.TarInfo("hello")  # uid and gid are 0, without names
    entry.size = len(program)
    entry.mode = 0o755
    entry.mtime = int(CREATED.timestamp())
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as out:
        out.addfile(entry, io.BytesIO(program))
    return archive.getvalue()


def gzip(data):
    """Straight from zlib, whose header has neither a name nor a time; what
    the gzip module writes there depends on the version of Python."""
    compressor = zlib.compressobj(level=9, wbits=16 + zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()


def image(platform, program):
    """Writes an image and returns the descriptor of its manifest."""
    created = CREATED.strftime("%Y-%m-%dT%H:%M:%SZ")
    layer = tar(program)
    config = {
        "created": created,
        **platform,
        "config": {"Entrypoint": ["/hello"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "history": [{"created": created, "created_by": "examples/hello/make.sh"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": blob(CONFIG, document(config)),
        "layers": [blob(LAYER, gzip(layer))],
    }
    return {**blob(MANIFEST, document(manifest)), "platform": platform}


def parse(text):
    """linux/arm/v7 as the fields that a config and a descriptor share."""
    return dict(zip(("os", "architecture", "variant"), text.split("/")))


def main():
    manifests = []
    for argument in sys.argv[1:]:
        platform, program = argument.split("=", 1)
        manifests.append(image(parse(platform), Path(program).read_bytes()))

    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
    (LAYOUT / "index.json").write_bytes(document(index))
    (LAYOUT / "oci-layout").write_bytes(document({"imageLayoutVersion": "1.0.0"}))


main()
