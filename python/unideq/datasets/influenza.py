"""Influenza in an English boarding school, 1978: one closed epidemic, day by day, two observables."""

from __future__ import annotations

import xarray as xr

from unideq.datasets.csv_file import columns, quantity

__all__ = ["influenza"]

_ATTRIBUTES = {
    "title": "Influenza in an English boarding school, 1978",
    "source": (
        "Anonymous, Influenza in a boarding school, British Medical Journal, 4 March 1978, p. 587; read off its figure "
        "in G. de Vries, T. Hillen, M. Lewis, J. Müller and B. Schönfisch, A Course in Mathematical Biology, SIAM, "
        "2006, chapter 9"
    ),
    "provenance": (
        "Typed from influenza_england_1978_school of the R package outbreaks (S. Frost, after de Vries et al.); all 28 "
        "values compared with its Julia counterpart Outbreaks.jl. Compared further with three other readings of the "
        "same figure: bsflu of the R package pomp (in bed, convalescent), flu of the R package epimdr (in bed) and a "
        "digitisation by B. Maier (in bed). They differ from ours by up to 6 boys."
    ),
    "licence": (
        "Facts: daily counts read off a published figure. The R package that we typed them from is under the MIT "
        "licence; no file was copied from it."
    ),
    "note": (
        "763 boys, 512 of whom fell ill. The counts are how many boys were in bed or convalescent on a day "
        "(prevalence), not new cases; the same boy counts on several days, and a boy in bed need not be infectious. "
        "The report printed a figure, not a table: expect a reading error of a few boys, and other numbers in other "
        "collections."
    ),
    "population": 763,
}


def influenza() -> xr.Dataset:
    """Boys in bed and convalescent during an influenza outbreak in a boarding school, 22 January to 4 February 1978.

    Returns
    -------
    Dataset with dim `time` (14 days, 0 to 13; day 0 is 22 January 1978) and the variables `in_bed` and
    `convalescent`, in boys. Attribute `population` is the number of boys in the school, 763. Nothing is missing.

    Examples
    --------
    >>> data = influenza()
    >>> float(data.in_bed.idxmax()), float(data.in_bed.max())
    (5.0, 298.0)
    """
    table = columns("influenza.csv")
    return xr.Dataset(
        {
            "in_bed": quantity("time", table["in_bed"], "boys in bed", "boys"),
            "convalescent": quantity("time", table["convalescent"], "boys convalescent", "boys"),
        },
        coords={"time": quantity("time", table["day"], "days since 22 January 1978", "d")},
        attrs=_ATTRIBUTES,
    )
