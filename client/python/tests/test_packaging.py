"""The package builds, installs and says what is missing."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import fields
from pathlib import Path

import pytest

import vade
from vade import errors, stats
from vade._proto.vade.sampler.v1 import errors_pb2, stats_pb2

FOLDER = Path(__file__).resolve().parents[1]


def build(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "setup.py", "-q", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The package and its protocol, apart from the tree they are part of."""
    root = tmp_path_factory.mktemp("tree")
    shutil.copytree(
        FOLDER,
        root / "client" / "python",
        ignore=shutil.ignore_patterns("build", "_proto", "*.egg-info", "tests"),
    )
    shutil.copytree(FOLDER.parents[1] / "proto", root / "proto")
    return root / "client" / "python"


def test_a_source_distribution_builds_a_whole_wheel(copy, tmp_path):
    done = build(copy, "sdist", "--dist-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("vade-*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "source")
    (source,) = (tmp_path / "source").iterdir()
    done = build(source, "bdist_wheel", "--dist-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("vade-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "vade/py.typed",
        "vade/_guard.py",
        "vade/aio/client.py",
        "vade/_proto/vade/sampler/v1/sampler_pb2.py",
        "vade/_proto/vade/sampler/v1/sampler_pb2.pyi",
        "vade/_proto/vade/sampler/v1/sampler_pb2_grpc.py",
        "vade/_proto/vade/client/v1/wire_pb2.py",
    } <= names
    assert not any(name.startswith("tests") for name in names)
    # A wheel alone is enough.
    done = subprocess.run(
        [sys.executable, "-c", "import vade; print(vade.__file__)"],
        env={**os.environ, "PYTHONPATH": str(wheel), "VADE_ADDRESS": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith(str(wheel)), done.stderr


def test_pip_installs_it_without_a_network(copy, tmp_path):
    """As the page and deploy/run do, with what the system has."""
    if importlib.util.find_spec("ensurepip") is None:
        pytest.fail("install Debian's python3-venv: no venv can be made here")
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-build-isolation"]
    environment = dict(os.environ)
    # The copy that is tested here must not be taken for the installed one.
    environment.pop("PYTHONPATH", None)
    programs = (
        [sys.executable, "-m", "venv", "--system-site-packages", "venv"],
        ["venv/bin/python", *pip, *offline, str(copy)],
        ["venv/bin/python", "-c", "import vade.aio; print(vade.__file__)"],
    )
    for program in programs:
        done = subprocess.run(
            program,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(str(tmp_path / "venv" / "lib"))


@pytest.mark.parametrize(
    ("missing", "package"),
    [
        ("protoc", "protobuf-compiler"),
        ("grpc_python_plugin", "protobuf-compiler-grpc"),
    ],
)
def test_a_build_without_a_tool_names_its_package(
    copy, tmp_path, missing, package
):
    for tool in ("protoc", "grpc_python_plugin"):
        if tool != missing:
            (tmp_path / tool).symlink_to(shutil.which(tool))
    done = build(
        copy,
        *("build_py", "--build-lib", str(tmp_path / "lib")),
        PATH=str(tmp_path),
    )
    assert done.returncode != 0
    assert f"'{missing}' is needed" in done.stderr
    assert f"apt-get install {package}" in done.stderr


def test_a_protoc_without_its_own_files_names_their_package(copy, tmp_path):
    protoc = tmp_path / "protoc"
    protoc.write_text(
        "#!/bin/sh\n"
        "echo 'google/protobuf/duration.proto: File not found.' >&2; exit 1\n"
    )
    protoc.chmod(0o755)
    done = build(
        copy,
        *("build_py", "--build-lib", str(tmp_path / "lib")),
        PROTOC=str(protoc),
    )
    assert done.returncode != 0
    assert "apt-get install libprotobuf-dev" in done.stderr


def test_a_build_without_the_protocol_says_so(copy, tmp_path):
    alone = tmp_path / "alone" / "client" / "python"
    shutil.copytree(copy, alone)
    done = build(alone, "build_py", "--build-lib", str(tmp_path / "lib"))
    assert done.returncode != 0
    assert "build from a clone of the repository" in done.stderr


def test_the_version_is_that_of_the_project():
    text = (FOLDER.parents[1] / "CMakeLists.txt").read_text()
    version = re.search(r"vade_sampler VERSION (\S+)", text)
    assert version is not None and version.group(1) == vade.__version__


def test_no_name_of_the_protocol_is_taken_from_others():
    """Another package may bring its own copies of these into the process."""
    program = (
        "import vade, sys\n"
        "from google.protobuf import descriptor_pool\n"
        "pool = descriptor_pool.Default()\n"
        "for name in ('google/rpc/status.proto',"
        " 'google/rpc/error_details.proto',"
        " 'grpc/health/v1/health.proto'):\n"
        "    try: pool.FindFileByName(name)\n"
        "    except KeyError: continue\n"
        "    sys.exit(name)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_records_have_every_field_of_their_messages():
    pairs = [
        (stats.RunStats, stats_pb2.RunStats),
        (stats.SeriesPoint, stats_pb2.SeriesPoint),
        (stats.CalibrationBin, stats_pb2.CalibrationBin),
        (stats.HistogramBin, stats_pb2.HistogramBin),
        (stats.LabelShare, stats_pb2.LabelShare),
    ]
    for record, message in pairs:
        names = [field.name for field in message.DESCRIPTOR.fields]
        assert [field.name for field in fields(record)] == names


def test_errors_know_only_reasons_that_there_are():
    reasons = set(errors_pb2.ErrorReason.keys())
    assert set(errors._BY_REASON) <= reasons
    assert set(errors._HINTS) <= reasons
    assert errors.error_class("INVALID_ARGUMENT", "X") is vade.InvalidArgument
    assert errors.error_class("UNAVAILABLE", "") is vade.Unavailable
    for reason, cls in errors._BY_REASON.items():
        # The class of a reason is one of the classes of its code.
        assert issubclass(cls, errors.error_class(cls.code, "")), reason


def test_errors_are_those_of_python_where_it_has_one():
    assert issubclass(vade.InvalidArgument, ValueError)
    assert issubclass(vade.NotFound, LookupError)
    assert issubclass(vade.Unavailable, ConnectionError)
    assert issubclass(vade.DeadlineExceeded, TimeoutError)


def test_the_public_names_are_those_of_the_page():
    page = (FOLDER / "README.md").read_text()
    api = page[page.index("## API") :]
    missing = [name for name in vade.__all__ if f"`{name}`" not in api]
    assert missing == []
