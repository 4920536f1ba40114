"""What has to be there before anything is measured."""

import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "flowfold"


def require(tools):
    """Ends with a plain word where a peer is missing."""
    # an ordinary user's path may leave out where administrators' commands are
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        raise SystemExit(f"missing: {', '.join(missing)}; tests/install brings them to a Debian machine")


def build(package, *more):
    """A release binary, built from this work tree."""
    subprocess.run(["cargo", "build", "--release", "--quiet", "--package", package, *more], cwd=ROOT, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
