"""Generate `hive_contracts.v1` from `proto/hive/v1`; with --check, say whether it is in sync."""

import filecmp
import re
import sys
import sysconfig
import tempfile
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).parent
PROTO = HERE / "proto"
SCRIPTS = Path(sysconfig.get_path("scripts"))
HEADER = '"""Generated from proto/hive/v1 by contracts/generate.py."""\n'
PLUGINS = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
TARGET = HERE / "src" / "hive_contracts" / "v1"


def generate(target: Path) -> None:
    """Write message, stub and type files into `target`, importable as hive_contracts.v1."""
    with tempfile.TemporaryDirectory() as folder:
        sources = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
        google = resources.files("grpc_tools") / "_proto"
        code = protoc.main(
            [
                "protoc",
                f"-I{PROTO}",
                f"-I{google}",
                *(f"--plugin={name}={SCRIPTS / name}" for name in PLUGINS),
                f"--python_out={folder}",
                f"--grpc_python_out={folder}",
                f"--mypy_out={folder}",
                f"--mypy_grpc_out={folder}",
                *sources,
            ]
        )
        if code != 0:
            raise SystemExit("protoc refused the proto files")
        for path in sorted(Path(folder, "hive", "v1").iterdir()):
            text = path.read_text()
            text = re.sub(r"\bfrom hive\.v1 import", "from hive_contracts.v1 import", text)
            text = re.sub(r"\bimport hive\.v1\.(\w+)", r"import hive_contracts.v1.\1", text)
            text = re.sub(r"(?<![\w.'/])hive\.v1\.(\w+_pb2)", r"hive_contracts.v1.\1", text)
            (target / path.name).write_text(text)
    (target / "__init__.py").write_text(HEADER)


def main() -> None:
    if "--check" not in sys.argv:
        TARGET.mkdir(exist_ok=True)
        for old in TARGET.iterdir():
            if old.is_file():
                old.unlink()
        return generate(TARGET)
    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder)
        generate(fresh)
        names = {p.name for folder in (fresh, TARGET) for p in folder.iterdir() if p.is_file()}
        _, differs, missing = filecmp.cmpfiles(fresh, TARGET, sorted(names), shallow=False)
        if differs or missing:
            raise SystemExit(f"out of sync, run `make proto`: {', '.join(differs + missing)}")
    return None


if __name__ == "__main__":
    main()
