"""Hudson Bay hare and lynx pelts, 1900–1920: the classic predator–prey cycle, two states, one trajectory."""

from __future__ import annotations

import xarray as xr

from unideq.datasets.csv_file import columns, quantity

__all__ = ["hudson_bay"]

_ATTRIBUTES = {
    "title": "Hare and lynx pelts of the Hudson's Bay Company, 1900-1920",
    "source": (
        "Trade records of the Hudson's Bay Company, first plotted (to 1914) in C. G. Hewitt, The Conservation of the "
        "Wild Life of Canada, Scribner's Sons, 1921; credited to E. P. Odum, Fundamentals of Ecology, W. B. Saunders, "
        "1953, and to W. K. Purves, D. Sadava, G. H. Orians and H. C. Heller, Life: The Science of Biology, in the "
        "lecture notes of J. M. Mahaffy (San Diego State University), from which P. Howard, Modeling Basics, "
        "lecture notes for Math 442, Texas A&M University, 2009, took them"
    ),
    "provenance": (
        "Typed from the Stan case study of B. Carpenter, Predator-Prey Population Dynamics (2018), which copied "
        "Howard's table; all 42 values compared with the table in the code of C. Rackauckas et al., Universal "
        "Differential Equations (arXiv:2001.04385), which copied Mahaffy's, and with data set hare_lynx of the R "
        "package dsem, which names N. J. Gotelli, A Primer of Ecology, 2008, figure 6.16. All agree. We have not "
        "seen the company's books or Odum's table."
    ),
    "licence": (
        "Facts: yearly counts from trade records of more than a century ago. To our knowledge nobody claims rights in "
        "the numbers; the collections that we compared are under their own licences, and no file was copied from them."
    ),
    "note": (
        "Pelts traded, not animals alive: trapping effort, prices and weather are in these numbers, and a hungry lynx "
        "is easier to trap. Longer tables of hares and lynx (such as those from 1845 to 1935) give other numbers for "
        "the same years: don't splice them."
    ),
}


def hudson_bay() -> xr.Dataset:
    """Pelts of snowshoe hare and Canada lynx traded by the Hudson's Bay Company, 1900–1920.

    Returns
    -------
    Dataset with dim `time` (21 years, 1900 to 1920, as floats) and the variables `hare` and `lynx`, in thousands of
    pelts a year. Nothing is missing.

    Examples
    --------
    >>> data = hudson_bay()
    >>> float(data.hare.sel(time=1900)), float(data.lynx.sel(time=1900))
    (30.0, 4.0)
    """
    table = columns("hudson_bay.csv")
    return xr.Dataset(
        {
            "hare": quantity("time", table["hare"], "snowshoe hare pelts", "thousands"),
            "lynx": quantity("time", table["lynx"], "Canada lynx pelts", "thousands"),
        },
        coords={"time": quantity("time", table["year"], "year", "yr")},
        attrs=_ATTRIBUTES,
    )
