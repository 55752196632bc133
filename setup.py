"""Finds the packages, and the cases beside them; everything else stands in pyproject.toml."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["cmgplan", "cmgplan.*"]), "cmgplan.cases"])
