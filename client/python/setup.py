"""Builds the package `vade`; makes its protocol stubs with protoc.

The stubs go into vade/_proto: beside the sources for an editable install,
into the wheel otherwise. They are never checked in. The .proto files are
those of the repository, or the copies that a source distribution carries.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist
from setuptools.errors import SetupError

HERE = Path(__file__).resolve().parent
# In the repository the API lies at the top; a source distribution has all.
PROTO_FOLDERS = [
    folder
    for folder in (HERE / "proto", HERE.parent.parent / "proto")
    if folder.is_dir()
]
PACKAGES = ("vade/sampler/v1", "vade/client/v1")
GRPC_FILE = "vade/sampler/v1/sampler.proto"


def proto_files():
    """Maps each .proto file's name to the folder it is found under."""
    found = {}
    for folder in PROTO_FOLDERS:
        for package in PACKAGES:
            for path in sorted((folder / package).glob("*.proto")):
                found.setdefault(f"{package}/{path.name}", folder)
    if GRPC_FILE not in found:
        raise SetupError(
            f"{GRPC_FILE} was found neither in {HERE / 'proto'} nor in the "
            "repository around it; build from a clone of the repository or "
            "from a source distribution"
        )
    return found


def program(variable, name, package):
    """Finds a program of the build; the environment variable wins."""
    path = os.environ.get(variable) or shutil.which(name)
    if path is None:
        raise SetupError(
            f"'{name}' is needed to build vade and is not on PATH; install "
            f"it (Debian, Ubuntu: apt-get install {package}), or name it in "
            f"the environment variable {variable}"
        )
    return path


def generate(target):
    """Writes the stubs of all .proto files into the folder `target`."""
    protoc = program("PROTOC", "protoc", "protobuf-compiler")
    plugin = program(
        "GRPC_PYTHON_PLUGIN", "grpc_python_plugin", "protobuf-compiler-grpc"
    )
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    includes = [f"-I{folder}" for folder in PROTO_FOLDERS]
    outputs = [f"--python_out={target}", f"--pyi_out={target}"]
    grpc = [f"--grpc_out={target}", f"--plugin=protoc-gen-grpc={plugin}"]
    names = list(proto_files())
    for arguments in (outputs + names, grpc + [GRPC_FILE]):
        done = subprocess.run(
            [protoc, *includes, *arguments], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise SetupError(f"{protoc} failed:\n{done.stderr}{fix(done)}")
    nest(target)


def fix(done):
    """What to do about a protoc that failed; "": nobody knows."""
    if "google/protobuf/" in done.stderr and "not found" in done.stderr:
        return (
            "protoc lacks the files that come with it; install them (Debian, "
            "Ubuntu: apt-get install libprotobuf-dev)"
        )
    return ""


def nest(target):
    """Lets the stubs import each other from where they lie now."""
    for path in list(target.rglob("*.py")) + list(target.rglob("*.pyi")):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"(?m)^from vade\.", "from vade._proto.vade.", text)
        path.write_text(text, encoding="utf-8")
    for folder in [target, *(p for p in target.rglob("*") if p.is_dir())]:
        (folder / "__init__.py").touch()


class BuildWithStubs(build_py):
    """build_py, and the stubs."""

    def run(self):
        super().run()
        root = HERE if self.editable_mode else Path(self.build_lib)
        generate(root / "vade" / "_proto")


class SdistWithProtos(sdist):
    """sdist, and the .proto files of the repository."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        for name, folder in proto_files().items():
            copy = Path(base_dir) / "proto" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            # Not a link: the files of a clone stay out of reach.
            copy.unlink(missing_ok=True)
            shutil.copyfile(folder / name, copy)


setup(cmdclass={"build_py": BuildWithStubs, "sdist": SdistWithProtos})
