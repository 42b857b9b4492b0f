"""What a decomposed closure means: which of its terms are the schemes' errors, and whether that matters."""

from __future__ import annotations

from ..finding import SEVERITIES, Finding
from .decomposition import Decomposition
from .regression import Regression, product, shown_with_error
from .scheme_terms import SchemeTerm

__all__ = ["truncation_finding"]

SHARE = 0.05
"""Smallest share of the closure that counts as contamination."""
_ALIKE = 300.0
"""Above this variance inflation a coefficient that comes out small says nothing."""
_WEAK = 0.5
"""Below this R² nothing is said with certainty."""


def truncation_finding(d: Decomposition, known_data: bool) -> Finding:
    r = d.regression
    statement = f"closure of `{d.field}` ≈ {r.text()} (R² {r.r_squared:.3f})"
    worst, sentences = "ok", []
    most = "warning" if r.r_squared >= _WEAK else "note"
    for i, name in enumerate(r.names):
        term = d.scheme.get(name)
        if term is None or term.negligible(r.shares[i], SHARE):
            continue
        severity, sentence = _judged(r, i, term, known_data)
        if severity != "ok":
            sentences.append(sentence)
        worst = max(worst, min(severity, most, key=SEVERITIES.index), key=SEVERITIES.index)
    if not sentences:
        severity, sentence = _nothing_found(d, known_data)
        sentences, worst = [sentence], max(worst, severity, key=SEVERITIES.index)
    statement += ": " + "; ".join(sentences) + "."
    if d.whole is not None and worst == "warning":
        statement += f" With the schemes' whole error E in its place: {d.whole.text()} (R² {d.whole.r_squared:.4f})."
    advice = ""
    if worst == "warning":
        advice = (
            "The closure won't carry over to another grid or scheme. Train on data whose own error is small (finer "
            "grid, higher order), with the scheme that made them, or on two resolutions."
        )
    elif r.r_squared < _WEAK:
        advice = "No candidate explains much of the closure: give further ones, `ude.Truncation(candidates=…)`."
        worst = max(worst, "note", key=SEVERITIES.index)
    elif worst == "note" and not known_data:
        advice = (
            "Say what made the data: `ude.Truncation(data_model=…)`, or their attribute `unideq_model`. Else a second "
            "fit on another resolution tells, `ude.Truncation(refined=other)`."
        )
    elif worst == "note":
        advice = "States of more variety, or a second fit on another resolution, `ude.Truncation(refined=other)`, tell."
    return Finding("truncation", worst, statement, d.dataset(), advice)


def _nothing_found(d: Decomposition, known_data: bool) -> tuple[str, str]:
    """Severity and words where no single term of the schemes' errors stands out: how much they are together."""
    r = d.regression
    made = [(i, name) for i, name in enumerate(r.names) if name in d.scheme]
    parts = [(float(r.shares[i]), name) for i, name in made if not known_data or _as_made(r, i, d.scheme[name])]
    total = sum(share for share, _ in parts)
    named = ", ".join(f"{_percent(share)} {name}" for share, name in sorted(parts, reverse=True) if abs(share) > 1e-6)
    if not known_data:
        seen = f"terms that coarser differences would leave make {_percent(total)} of it" if named else "none shows"
        return "note", (
            "whether truncation error is in it can't be told, since the data don't say which scheme made them "
            f"(no attribute `unideq_model`); {seen}"
        )
    if not named:
        return "ok", "no truncation error found in it"
    said = f"terms of the schemes' errors make {_percent(total)} of it ({named})"
    if abs(total) > SHARE:
        return "note", f"{said}: together more than the {100 * SHARE:.0f} % that count, though no single one does"
    return "ok", f"{said}, less than the {100 * SHARE:.0f} % that count as contamination"


def _as_made(r: Regression, i: int, term: SchemeTerm) -> bool:
    """Whether a term has about the size that the schemes' errors give it; else it stands for something else."""
    return bool(term.expected) and 0.2 < abs(float(r.coefficients[i]) / term.expected) < 5.0


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"


def _judged(r: Regression, i: int, term: SchemeTerm, known_data: bool) -> tuple[str, str]:
    """Severity and words for one term that a scheme's error makes."""
    c, error, share = float(r.coefficients[i]), float(r.standard_errors[i]), float(r.shares[i])
    certain = r.low[i] > 0 or r.high[i] < 0
    interval = f"{100 * r.share_low[i]:.0f}–{100 * r.share_high[i]:.0f} %"
    what = f"the term {term.label}" if len(r.names) > 1 else "it"
    if not term.expected:
        if certain and share > SHARE:
            return "note", f"{what} ({interval} of the closure) has no cause in the schemes, whose errors cancel"
        return "ok", ""
    ratio = shown_with_error(c / term.expected, error / abs(term.expected))
    if term.ambiguous:
        cause = f"{product(term.factor_text, term.label)} would be {term.scheme}"
        return ("note" if certain and share > SHARE else "ok"), f"{what} can't be told from a physical one; {cause}"
    size = abs(c / term.expected)
    if not certain or share < SHARE or not _as_made(r, i, term):
        if r.inflation[i] > _ALIKE and (known_data or term.actual):
            words = f"these data can hardly tell {what} from the others (variance inflation {r.inflation[i]:.0f})"
            return "note", words
        return "ok", ""
    hedge = "" if known_data or term.actual else "looks like truncation error: it "
    words = f"{what} {hedge}is {ratio} of {product(term.factor_text, term.label)}, {term.scheme}, and makes {interval}"
    words += " of the closure"
    return "warning" if (known_data or size > 0.3) and size < 3.0 else "note", words
