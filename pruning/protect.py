"""Layers that the user wants whole: names and patterns → the groups that they belong to. No torch."""

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase

from pruning.channels.map import ChannelMap, Group
from pruning.errors import UserError

REASON = "you protected it"


def protected(channels: ChannelMap, protect: Iterable[str]) -> dict[str, str]:
    """Group name → what protects it, for each group that a name or a pattern of `protect` finds.

    A pattern (`layer4.*`) is matched as file names are, against group names, the layers that make a group and those cut
    along with it: a group is tied together, so that a whole layer needs its whole group. Raises UserError for a pattern
    that finds nothing; one that finds only layers which the trace protects already changes nothing.
    """
    patterns = [protect] if isinstance(protect, str) else list(protect)
    if not patterns:
        return {}
    groups = [(group.name, names(group)) for group in channels.groups]
    already = {layer.name for layer in channels.protected}
    found: dict[str, str] = {}
    for pattern in patterns:
        hits = [name for name, own in groups if matches(pattern, own)]
        if not hits and not matches(pattern, already):
            raise unknown(pattern, {name for _, own in groups for name in own} | already)
        found |= {name: pattern for name in hits if name not in found}
    return found


def names(group: Group) -> set[str]:
    """All that a group is known by: "fc1 inputs" belongs to the layer fc1."""
    return {group.name, *group.layers, *(words.partition(" ")[0] for words in group.coupled)}


def matches(pattern: str, known: Iterable[str]) -> bool:
    return any(pattern == name or fnmatchcase(name, pattern) for name in known)


def unknown(pattern: str, known: set[str]) -> UserError:
    near = difflib.get_close_matches(pattern.rstrip(".*?"), sorted(known), n=3, cutoff=0.5)
    do = f"Did you mean {' or '.join(near)}?" if near else f"Layers are called {', '.join(sorted(known)[:4])} …"
    return UserError(f"protect={pattern!r} matches no layer of this network", do=do)
