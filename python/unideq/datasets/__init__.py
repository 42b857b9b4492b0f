"""Small real data sets, ready for `fit`: each a function that returns an `xarray.Dataset` of observations.

They are files in the package, so nothing is downloaded. Every variable and coordinate carries `long_name` and
`units`; every data set carries `title`, `source`, `provenance`, `licence` and `note`. Read these before publishing.

Examples
--------
>>> import unideq as ude
>>> data = ude.datasets.hudson_bay()
>>> sorted(data.data_vars)
['hare', 'lynx']
"""

from __future__ import annotations

from unideq.datasets.alpha_pinene import alpha_pinene
from unideq.datasets.hudson_bay import hudson_bay
from unideq.datasets.influenza import influenza
from unideq.datasets.phenobarbital import phenobarbital
from unideq.datasets.theophylline import theophylline

__all__ = ["alpha_pinene", "available", "hudson_bay", "influenza", "phenobarbital", "theophylline"]


def available() -> dict[str, str]:
    """List the data sets: the name of the function in this module, and a title.

    Returns
    -------
    Names and titles, in alphabetical order.

    Examples
    --------
    >>> from unideq import datasets
    >>> list(datasets.available())
    ['alpha_pinene', 'hudson_bay', 'influenza', 'phenobarbital', 'theophylline']
    """
    loads = (alpha_pinene, hudson_bay, influenza, phenobarbital, theophylline)
    return {load.__name__: load().attrs["title"] for load in loads}
