"""The register of faults: what each row protects can still be taken out of this tree."""

import subprocess

import msgspec
import pytest

from tests.mutants import REGISTER, ROOT, Fault

FAULTS = msgspec.convert(msgspec.toml.decode(REGISTER.read_bytes())["fault"], list[Fault])


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_protection_can_be_taken_out(fault: Fault) -> None:
    applied = subprocess.run(
        ["git", "apply", "--check", "-"],
        cwd=ROOT, input=fault.patch.encode(), capture_output=True, check=False,
    )  # fmt: skip
    assert applied.returncode == 0, applied.stderr.decode()
    path, _, function = fault.protects.partition(":")
    assert function.rpartition(".")[2] in (ROOT / path).read_text()
    assert (ROOT / fault.file).is_file()


def test_no_two_rows_have_one_name() -> None:
    names = [fault.id for fault in FAULTS]
    assert len(names) == len({*names})
