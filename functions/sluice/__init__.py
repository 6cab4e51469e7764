"""Sluice: a streaming AI gateway that is one Python Lambda."""

VERSION = "0.1.0"
