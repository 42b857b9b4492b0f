"""Thermal isomerisation of α-pinene: a chemical network of five species, a standard test of parameter estimation."""

from __future__ import annotations

import xarray as xr

from unideq.datasets.csv_file import columns, quantity

__all__ = ["alpha_pinene"]

_ATTRIBUTES = {
    "title": "Thermal isomerisation of alpha-pinene at 189.5 °C",
    "source": (
        "R. E. Fuguitt and J. E. Hawkins, Rate of the thermal isomerization of α-pinene in the liquid phase, Journal "
        "of the American Chemical Society 69 (1947) 319-322; analysed in G. E. P. Box, W. G. Hunter, J. F. MacGregor "
        "and J. Erjavec, Some problems associated with the analysis of multiresponse models, Technometrics 15 (1973) "
        "33-51, and tabulated in D. M. Bates and D. G. Watts, Nonlinear Regression Analysis and Its Applications, "
        "Wiley, 1988, appendix A1.6"
    ),
    "provenance": (
        "Typed from SciPy's least-squares benchmarks, after B. M. Averick et al., The MINPACK-2 Test Problem "
        "Collection, 1992; all values compared with MINPACK-2's Fortran, with Bates and Watts's appendix (authors' "
        "sources), with data set Pinene of the R package NRAIA, and with MEIGO's example 5. All agree. Minutes and "
        "temperature are Bates and Watts's; the benchmarks give no unit, and NRAIA's help page says hours by mistake."
    ),
    "licence": (
        "Facts: measurements published in 1947. SciPy distributes the same numbers under the BSD 3-clause licence; "
        "the printed tables are their publishers' and were not copied."
    ),
    "note": (
        "Pyronene was not measured but imputed as 3 % of the converted α-pinene (Box et al., 1973), and the five "
        "species add up to about 100 %: only three of the five columns are independent. The line at time 0 is the "
        "initial state, not a measurement. A second experiment at 204.5 °C is not included."
    ),
}
_SPECIES = {
    "alpha_pinene": "α-pinene",
    "dipentene": "dipentene",
    "allo_ocimene": "allo-ocimene",
    "pyronene": "α- and β-pyronene",
    "dimer": "dimer",
}


def alpha_pinene() -> xr.Dataset:
    """Composition of heated α-pinene over 607 hours at 189.5 °C.

    Dipentene and allo-ocimene form from α-pinene, pyronene and a dimer from allo-ocimene; the dimer decays back.

    Returns
    -------
    Dataset with dim `time` (the initial state and 8 samples, 0 to 36 420 min) and the variables `alpha_pinene`,
    `dipentene`, `allo_ocimene`, `pyronene` (imputed, see `note`) and `dimer`: relative concentrations in per cent.

    Examples
    --------
    >>> data = alpha_pinene()
    >>> data.sizes["time"], float(data.dipentene[-1])
    (9, 63.1)
    """
    table = columns("alpha_pinene.csv")
    species = {name: quantity("time", table[name], label, "%") for name, label in _SPECIES.items()}
    species["pyronene"].attrs["note"] = "imputed as 3 % of the converted α-pinene, not measured"
    return xr.Dataset(species, coords={"time": quantity("time", table["minutes"], "time", "min")}, attrs=_ATTRIBUTES)
