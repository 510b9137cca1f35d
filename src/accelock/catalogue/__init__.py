"""Families of packages and tables of hardware, as data that ships with accelock."""

from __future__ import annotations

from accelock.catalogue.hardware import HardwareTables
from accelock.catalogue.load import load_catalogue
from accelock.catalogue.model import Catalogue, Family, FamilyPackage
from accelock.catalogue.relations import ForeignPair
from accelock.catalogue.source import Source, redact

__all__ = [
    "Catalogue",
    "Family",
    "FamilyPackage",
    "ForeignPair",
    "HardwareTables",
    "Source",
    "load_catalogue",
    "redact",
]
