"""Theophylline in the blood of twelve people after one dose each: several trajectories with different times."""

from __future__ import annotations

import xarray as xr

from unideq.datasets.csv_file import columns, grid, quantity

__all__ = ["theophylline"]

_ATTRIBUTES = {
    "title": "Kinetics of theophylline after one oral dose, twelve subjects",
    "source": (
        "Study by R. A. Upton, reported in A. J. Boeckmann, L. B. Sheiner and S. L. Beal, NONMEM Users Guide: Part V, "
        "NONMEM Project Group, University of California, San Francisco, 1994; analysed in M. Davidian and "
        "D. M. Giltinan, Nonlinear Models for Repeated Measurement Data, Chapman & Hall, 1995, and in J. C. Pinheiro "
        "and D. M. Bates, Mixed-Effects Models in S and S-PLUS, Springer, 2000"
    ),
    "provenance": (
        "Written out from Theoph of R's package datasets (R 4.2.2), with subjects in the order of their numbers. "
        "All 132 samples, doses and weights compared with NONMEM's own file THEO as distributed with OpenPMX, the 120 "
        "samples after time 0 with theo.saemix of the R package saemix. All agree."
    ),
    "licence": (
        "Facts: measurements published in 1994. R, under the GNU General Public License, and NONMEM distribute the "
        "same table; we took the numbers, and no file or text of theirs."
    ),
    "note": (
        "Eleven blood samples a subject, at times of its own: `concentration` lies on the union of all times and is "
        "NaN where a subject was not sampled. The dose is per body weight and was swallowed at time 0. Three subjects "
        "(1, 7 and 10) have a concentration above zero at time 0: it is in the record, and a model "
        "that starts with empty blood can't explain it."
    ),
}


def theophylline() -> xr.Dataset:
    """Serum concentration of theophylline in twelve subjects over 25 hours after one oral dose.

    Returns
    -------
    Dataset with dims `trajectory` (12 subjects, numbered 1 to 12) and `time` (78 times, 0 to 24.65 h: the union of all
    subjects' times). Variable `concentration` (trajectory, time) in mg/L has 11 values a subject and is NaN elsewhere.
    Coordinates on `trajectory`: `dose` in mg/kg and `weight` in kg.

    Examples
    --------
    >>> first = theophylline().sel(trajectory=1).dropna("time")
    >>> first.sizes["time"], float(first.dose), float(first.concentration.max())
    (11, 4.02, 10.5)
    """
    samples = columns("theophylline.csv")
    subjects = columns("theophylline_subjects.csv")
    trajectory, time, concentration = grid(samples["subject"], samples["hours"], samples["concentration"])
    return xr.Dataset(
        {
            "concentration": quantity(
                ("trajectory", "time"), concentration, "theophylline concentration in serum", "mg/L"
            )
        },
        coords={
            "trajectory": quantity("trajectory", trajectory.astype(int), "subject", "1"),
            "time": quantity("time", time, "time since the dose", "h"),
            "dose": quantity("trajectory", subjects["dose"], "oral dose per body weight", "mg/kg"),
            "weight": quantity("trajectory", subjects["weight"], "body weight", "kg"),
        },
        attrs=_ATTRIBUTES,
    )
