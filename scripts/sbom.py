"""Writes build/sbom.json: what is deployed beside our own code, as a CycloneDX bill of materials.

Names, versions and hashes come from the layers' locks; licences and who needs whom from the wheels' own metadata, as
they lie in build/host/opt. The managed runtime's own parts (Python, boto3) are AWS's and not in it. The document is
checked against CycloneDX's JSON schema before it is written. Run by the Python of .venv-sbom.
"""

import argparse
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from command import ROOT, ended
from stamp import digest

LOCKS = {
    "RuntimeLayer": ROOT / "layers" / "runtime" / "requirements.txt",
    "DependenciesLayer": ROOT / "layers" / "dependencies" / "requirements.txt",
}
INSTALLED = ROOT / "build" / "host" / "opt" / "python"
TARGET = ROOT / "build" / "sbom.json"
PIN = re.compile(r"(?m)^([A-Za-z0-9._-]+)==([^ ;\\]+)((?:.*\\\n)*.*)$")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
CLASSIFIERS = {"License :: OSI Approved :: Apache Software License": "Apache-2.0"}
SPOKEN = {"Apache License 2.0": "Apache-2.0"}


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a lock: the layer it is for, the distribution, and the hash of each of its files."""

    layer: str
    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def key(self) -> str:
        return normal(self.name)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> list[Pin]:
    return [
        Pin(layer, name, version, tuple(HASH.findall(rest)))
        for layer, path in LOCKS.items()
        for name, version, rest in PIN.findall(path.read_text(encoding="utf-8"))
    ]


def installed() -> dict[str, Distribution]:
    return {normal(found.name): found for found in distributions(path=[str(INSTALLED)])}


def licence(found: Distribution) -> str:
    """An SPDX id or expression: the metadata's own, or what its older words mean."""
    said = [word for field in ("License-Expression", "License") for word in found.metadata.get_all(field) or []]
    meant = [CLASSIFIERS[word] for word in found.metadata.get_all("Classifier") or [] if word in CLASSIFIERS]
    return next((SPOKEN.get(word, word) for word in (*said, *meant)), "")


def needs(found: Distribution, known: set[str]) -> Iterator[str]:
    """Of what it asks for, what is deployed."""
    for line in found.requires or []:
        name = normal(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0])
        if name in known:
            yield name


def component(pin: Pin, found: Distribution) -> Component:
    purl = PackageURL("pypi", name=pin.key, version=pin.version)
    return Component(
        type=ComponentType.LIBRARY,
        name=pin.name,
        version=pin.version,
        purl=purl,
        bom_ref=purl.to_string(),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in pin.hashes],
        licenses=[LicenseFactory().make_from_string(licence(found))],
        properties=[Property(name="sluice:layer", value=pin.layer)],
    )


def own() -> Component:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    licences = [LicenseFactory().make_from_string(project["license"]["text"])]
    return Component(type=ComponentType.APPLICATION, name=name, version=version, bom_ref=name, licenses=licences)


def bill() -> Bom:
    """The same locks give the same serial number."""
    listed, there = pins(), installed()
    number = uuid.UUID(digest(ROOT, LOCKS.values())[:32])
    bom = Bom(serial_number=number)
    root = bom.metadata.component = own()
    parts = {pin.key: component(pin, there[pin.key]) for pin in listed}
    bom.components.update(parts.values())
    bom.register_dependency(root, parts.values())
    for key, part in parts.items():
        bom.register_dependency(part, [parts[name] for name in needs(there[key], set(parts))])
    return bom


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the bill of materials of what is deployed.")
    parser.add_argument("--output", type=Path, default=TARGET, metavar="FILE")
    target: Path = parser.parse_args().output
    text = JsonV1Dot6(bill()).output_as_string(indent=2)
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        print(f"sbom: the document is not CycloneDX 1.6: {wrong}", file=sys.stderr)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text + "\n", encoding="utf-8")
    print(f"sbom: {target} has {len(pins())} distributions, valid as CycloneDX 1.6")
    return 0


if __name__ == "__main__":
    sys.exit(ended(main))
