"""The files that let Kubernetes follow: what they read is what the hive tells."""

import importlib
import re
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import msgspec
import pydantic
import pytest
from ruamel.yaml import YAML

from hive_contracts.health import AgentDemand, Alive, BusSeen, Capacity
from hive_contracts.v1.operations_pb2 import Capacity as CapacityMessage
from hive_gateway.http import CapacityPage
from hive_health.exposition import exposition

FOLDER: Final = Path(__file__).parents[3] / "infra/autoscaling"
KUBERNETES: Final = "1.36"
CAPACITY: Final = Capacity(3, agents=(AgentDemand("claude", 5, 3, 2),))


def documents(name: str) -> list[Any]:
    parts = (FOLDER / name).read_text().split("\n---\n")
    return [YAML(typ="safe").load(part) for part in parts]


def trigger() -> dict[str, str]:
    [_, scaled] = documents("keda_scaled_object.yaml")
    metadata: dict[str, str] = scaled["spec"]["triggers"][0]["metadata"]
    return metadata


def test_keda_finds_a_number_where_it_looks() -> None:
    page = msgspec.to_builtins(CapacityPage(CAPACITY, ()))
    assert trigger()["url"].endswith("/capacity")
    found = page
    for key in trigger()["valueLocation"].split("."):
        found = found[key]
    assert found == 3
    text = (FOLDER / "keda_scaled_object.yaml").read_text()
    one = re.search(r'# valueLocation: capacity\.agents\.#\(agent=="claude"\)\.(\w+)', text)
    assert one
    [claude] = page["capacity"]["agents"]
    assert claude[one[1]] == 2


def test_where_nobody_has_counted_keda_finds_nothing_and_changes_nothing() -> None:
    page = msgspec.to_builtins(CapacityPage(Capacity(), ()))
    assert "runners_desired" not in page["capacity"]
    assert msgspec.to_builtins(CapacityPage(Capacity(0), ()))["capacity"]["runners_desired"] == 0
    assert not CapacityMessage().HasField("runners_desired")


def test_the_pod_autoscaler_reads_a_metric_that_there_is() -> None:
    [scaler] = documents("horizontal_pod_autoscaler.yaml")
    name = scaler["spec"]["metrics"][0]["external"]["metric"]["name"]
    alive = Alive((), BusSeen("alive"), 1.0, capacity=CAPACITY)
    lines = exposition(alive, [], {}).splitlines()
    assert f"{name} 3.0" in lines
    assert 'hive_agent_runners_desired{agent="claude"} 2.0' in lines
    assert 'hive_tasks_waiting{agent="claude"} 5.0' in lines


def test_both_scale_the_same_runners_which_are_told_to_finish() -> None:
    [runners] = documents("runner_stateful_set.yaml")
    [_, scaled] = documents("keda_scaled_object.yaml")
    [scaler] = documents("horizontal_pod_autoscaler.yaml")
    target = {
        "apiVersion": runners["apiVersion"],
        "kind": runners["kind"],
        "name": runners["metadata"]["name"],
    }
    assert scaled["spec"]["scaleTargetRef"] == scaler["spec"]["scaleTargetRef"] == target
    [container] = runners["spec"]["template"]["spec"]["containers"]
    assert "kill -USR1 1" in container["lifecycle"]["preStop"]["exec"]["command"][-1]


@pytest.mark.parametrize("name", ["horizontal_pod_autoscaler.yaml", "runner_stateful_set.yaml"])
def test_kubernetes_would_take_it(name: str) -> None:
    for document in documents(name):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_kubernetes_would_refuse_a_pod_autoscaler_that_is_wrong() -> None:
    [scaler] = documents("horizontal_pod_autoscaler.yaml")
    scaler["spec"]["maxReplicas"] = "many"
    with pytest.raises(kubernetes_validate.ValidationError, match="maxReplicas"):
        kubernetes_validate.validate(scaler, KUBERNETES, strict=True)
    [scaler] = documents("horizontal_pod_autoscaler.yaml")
    scaler["spec"]["metric"] = scaler["spec"].pop("metrics")
    with pytest.raises(kubernetes_validate.ValidationError, match="metric"):
        kubernetes_validate.validate(scaler, KUBERNETES, strict=True)


DEFINITIONS: Final = FOLDER.parents[1] / ".keda-definitions"
needs_definitions = pytest.mark.skipif(
    not DEFINITIONS.is_dir(), reason="`make keda-definitions` fetches them"
)


@pytest.fixture
def keda(monkeypatch: pytest.MonkeyPatch) -> Any:
    """KEDA's own custom resource definitions, as models. By its name: it is a megabyte of types."""
    monkeypatch.syspath_prepend(DEFINITIONS)
    return importlib.import_module("cloudcoil.models.keda.v1alpha1")


def taken(keda: Any, document: Any) -> Any:
    """What KEDA keeps of it: Kubernetes drops what a definition does not name. Raises
    ValidationError."""
    read = getattr(keda, document["kind"]).model_validate(document)
    return read.model_dump(mode="json", by_alias=True, exclude_unset=True)


@needs_definitions
def test_keda_would_take_all_of_it(keda: Any) -> None:
    for document in documents("keda_scaled_object.yaml"):
        assert taken(keda, document) == document


@needs_definitions
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("minReplicaCount", "many"),
        ("scaleTargetRef", {"kind": "StatefulSet"}),
        ("triggers", [{"type": "metrics-api", "metadata": {"targetValue": 1}}]),
        ("triggers", None),
    ],
    ids=["no number", "no name", "a number that has to be text", "no list"],
)
def test_keda_would_refuse_one_that_is_wrong(keda: Any, key: str, value: object) -> None:
    [_, scaled] = documents("keda_scaled_object.yaml")
    scaled["spec"][key] = value
    with pytest.raises(pydantic.ValidationError, match=f"spec.{key}"):
        taken(keda, scaled)


@needs_definitions
def test_keda_would_drop_a_key_that_it_does_not_know(keda: Any) -> None:
    [_, scaled] = documents("keda_scaled_object.yaml")
    scaled["spec"]["maxReplicas"] = 8
    assert "maxReplicas" not in taken(keda, scaled)["spec"]
