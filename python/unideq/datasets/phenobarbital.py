"""Phenobarbital in the blood of 59 newborn children: repeated doses, few samples each."""

from __future__ import annotations

import numpy as np
import xarray as xr

from unideq.datasets.csv_file import columns, grid, quantity

__all__ = ["phenobarbital"]

_ATTRIBUTES = {
    "title": "Kinetics of phenobarbital in 59 newborn infants under repeated doses",
    "source": (
        "T. H. Grasela and S. M. Donn, Neonatal population pharmacokinetics of phenobarbital derived from routine "
        "clinical data, Developmental Pharmacology and Therapeutics 8, 1985, 374-383; analysed in M. Davidian and "
        "D. M. Giltinan, Nonlinear Models for Repeated Measurement Data, Chapman & Hall, 1995, and in J. C. Pinheiro "
        "and D. M. Bates, Mixed-Effects Models in S and S-PLUS, Springer, 2000"
    ),
    "provenance": (
        "Written out from Phenobarb of R's package nlme, with subjects in the order of their numbers. All times, "
        "doses, concentrations, weights and Apgar scores compared with NONMEM's example pheno as distributed with "
        "Pharmpy: all agree."
    ),
    "licence": (
        "Facts: measurements published in 1985. R, under the GNU General Public License, and NONMEM distribute the "
        "same table; we took the numbers, and no file or text of theirs."
    ),
    "note": (
        "One to six samples an infant, taken in routine care between doses into a vein: `concentration` lies on the "
        "union of all times and is NaN where an infant was not sampled. `dose` and `dose_time` are tables, NaN behind "
        "a shorter row's end; time counts from the first dose. Most begin with a dose several times the later ones."
    ),
}


def phenobarbital() -> xr.Dataset:
    """Serum concentration of phenobarbital in 59 newborn infants over up to 16 days of repeated doses.

    Returns
    -------
    Dataset with dims `trajectory` (59 infants, numbered 1 to 59), `time` (118 times, 0.7 to 389.8 h: the union of all
    infants' times) and `dose_number` (15). Variables: `concentration` (trajectory, time) in mg/L, 1 to 6 values an
    infant; `dose` in mg and `dose_time` in h (trajectory, dose_number), which events read. Coordinates on `trajectory`:
    `weight` in kg, `apgar` (score five minutes after birth), `start` (0, the first dose).

    Examples
    --------
    >>> first = phenobarbital().sel(trajectory=1)
    >>> int(first.concentration.count()), int(first.dose.count()), float(first.dose[0])
    (2, 10, 25.0)
    """
    rows, infants = columns("phenobarbital.csv"), columns("phenobarbital_subjects.csv")
    sampled, given = np.isfinite(rows["concentration"]), np.isfinite(rows["dose"])
    trajectory, time, concentration = grid(*(rows[n][sampled] for n in ("subject", "hours", "concentration")))
    own = [given & (rows["subject"] == label) for label in trajectory]
    tables = {name: np.full((len(own), max(mask.sum() for mask in own)), np.nan) for name in ("dose", "hours")}
    for name, table in tables.items():
        for row, mask in zip(table, own, strict=True):
            row[: mask.sum()] = rows[name][mask]
    along = ("trajectory", "dose_number")
    return xr.Dataset(
        {
            "concentration": quantity(
                ("trajectory", "time"), concentration, "phenobarbital concentration in serum", "mg/L"
            ),
            "dose": quantity(along, tables["dose"], "intravenous dose", "mg"),
            "dose_time": quantity(along, tables["hours"], "time of the dose", "h"),
        },
        coords={
            "trajectory": quantity("trajectory", trajectory.astype(int), "infant", "1"),
            "time": quantity("time", time, "time since the first dose", "h"),
            "start": quantity("trajectory", np.zeros(len(own)), "time of the first dose", "h"),
            "weight": quantity("trajectory", infants["weight"], "birth weight", "kg"),
            "apgar": quantity("trajectory", infants["apgar"], "Apgar score after five minutes", "1"),
        },
        attrs=_ATTRIBUTES,
    )
