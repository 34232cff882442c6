"""The glossary's lines: terms that fit what is looked for, and the papers with the terms that they stand behind."""

from collections.abc import Iterable, Mapping

from pages.ui import words
from pages.ui.terms import Term


def found(parts: Mapping[str, Mapping[str, Term]], wanted: str) -> dict[str, dict[str, Term]]:
    """The terms whose name, meaning or paper has `wanted` in it, part by part; parts without any are left out."""
    fits = {title: {n: t for n, t in part.items() if wanted.lower() in text(n, t)} for title, part in parts.items()}
    return {title: part for title, part in fits.items() if part}


def text(name: str, term: Term) -> str:
    return f"{name} {term.meaning} {term.paper}".lower()


def exact(parts: Mapping[str, Mapping[str, Term]], wanted: str) -> str:
    """The term that is called `wanted`, whatever its case; empty when there is none."""
    names = (name for part in parts.values() for name in part)
    return next((name for name in names if name.lower() == wanted.lower()), "")


def table(terms: Mapping[str, Term]) -> str:
    """Markdown: term, meaning, paper."""
    rows = [
        f"| **{words.plain(name)}** | {words.plain(term.meaning)} | {source(term)} |" for name, term in terms.items()
    ]
    return "\n".join(["| Term | Meaning | Source |", "|:--|:--|:--|", *rows])


def papers(terms: Iterable[tuple[str, Term]]) -> str:
    """Markdown: paper, the terms that cite it; by name of the first author."""
    cited: dict[tuple[str, str], list[str]] = {}
    for name, term in terms:
        if term.link:
            cited.setdefault((term.paper, term.link), []).append(name)
    rows = [
        f"| {source(Term('', *paper))} | {words.plain(', '.join(names))} |" for paper, names in sorted(cited.items())
    ]
    return "\n".join(["| Paper | Terms |", "|:--|:--|", *rows])


def source(term: Term) -> str:
    return f"[{words.plain(term.paper)}]({term.link})" if term.link else words.plain(term.paper)
