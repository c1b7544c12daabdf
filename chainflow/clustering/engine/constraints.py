"""What keeps addresses apart: tags of different actors, known payments, decisions; and the links it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from chainflow.clustering.decisions import Decision
from chainflow.clustering.engine.claims import Bools, Claims
from chainflow.clustering.engine.places import Places
from chainflow.clustering.engine.union import Forest, roots_of
from chainflow.errors import BadInput
from chainflow.tags import Tags

__all__ = ["Constraint", "Constraints", "of_decisions", "of_tags", "refusals"]


@dataclass(frozen=True, slots=True, order=True)
class Constraint:
    """That two addresses must not be in one cluster (C-5).

    Parameters
    ----------
    kind : str
        `tags`, `payment`, `decision`, or `given`: where it is from.
    a, b : str
        Addresses as the ledger names them.
    because : str
        Why, in words.
    """

    kind: str
    a: str
    b: str
    because: str

    @property
    def sentence(self) -> str:
        """The constraint in words."""
        return f"{self.a} and {self.b} are kept apart ({self.kind}): {self.because}"

    def as_dict(self) -> dict[str, str]:
        """Return the fields, as a recipe keeps them."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False)
class Constraints:
    """All that keeps places apart.

    Attributes
    ----------
    pairs : dict of (int, int) to Constraint
        Places, the smaller first.
    payments : dict of (int, int) to Constraint
        Of known payments: they bind change links only, and only where nothing better joined the two.
    actors : dict of int to dict
        Place → actor → who says so. Kept by address: pairs of them would be as many as their product.
    """

    pairs: Mapping[tuple[int, int], Constraint] = field(default_factory=dict)
    payments: Mapping[tuple[int, int], Constraint] = field(default_factory=dict)
    actors: Mapping[int, Mapping[str, str]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Constraint]:
        """Yield the constraints between two addresses; those of tags are in `actors`."""
        yield from self.pairs.values()
        yield from self.payments.values()

    def between(self, places: Places, one: Iterable[int], other: Iterable[int]) -> tuple[Constraint, ...]:
        """Return what keeps two sets of places apart: every pair, and one pair of tags."""
        first, second = set(one), set(other)
        found = [
            constraint
            for held in (self.pairs, self.payments)
            for (a, b), constraint in held.items()
            if (a in first and b in second) or (b in first and a in second)
        ]
        sides = [
            {a: p for p in sorted(side & self.actors.keys()) for a in self.actors[p]}
            for side in (first, second)
        ]
        if not (sides[0].keys() <= sides[1].keys() or sides[1].keys() <= sides[0].keys()):
            found.append(self.tagged(places, *sides))
        return tuple(sorted(found))

    def tagged(self, places: Places, one: Mapping[str, int], other: Mapping[str, int]) -> Constraint:
        """Return the constraint between two mappings actor → place that hold different actors."""
        first, second = min(one.keys() - other.keys()), min(other.keys() - one.keys())
        a, b = one[first], other[second]
        said = f"{first!r} says {self.actors[a][first]}, {second!r} says {self.actors[b][second]}"
        return Constraint("tags", places.name(a), places.name(b), f"tags of different actors: {said}")


def of_tags(places: Places, tags: Tags | None, *, min_confidence: int) -> dict[int, dict[str, str]]:
    """Return place → actor → who says so, of the tags that name an actor at this confidence or above.

    A tag without an actor, or without a stated confidence, constrains nothing.
    """
    found: dict[int, dict[str, str]] = {}
    for tag in tags or ():
        score = tag.confidence_score
        if not (tag.actor and tag.address and tag.chain in places.spans and score is not None):
            continue
        if score >= min_confidence:
            for place in places.on([tag.chain], tag.address).values():
                found.setdefault(place, {}).setdefault(tag.actor, tag.source or tag.creator or tag.label)
    return found


def of_decisions(
    places: Places, decisions: Sequence[Decision], given: Iterable[Constraint] = ()
) -> dict[tuple[int, int], Constraint]:
    """Return the pairs that decisions or the caller keep apart.

    Raises
    ------
    SeedUnknown, AddressInvalid
        If an address is not in the ledger, or is none.
    BadInput
        If a constraint names one address twice.
    """
    kept = [Constraint("decision", d.a, d.b, _said(d)) for d in decisions if d.verdict == "different"]
    pairs: dict[tuple[int, int], Constraint] = {}
    for one in [*kept, *given]:
        a, b = sorted((places.find(one.a), places.find(one.b)))
        if a == b:
            raise BadInput(f"{one.a} is to be kept apart from itself", hint="name two addresses")
        pairs.setdefault((a, b), one)
    return pairs


def _said(decision: Decision) -> str:
    who = f" by {decision.who}" if decision.who else ""
    when = f" on {decision.when[:10]}" if decision.when else ""
    return f"decided{who}{when}: {decision.because}"


class _Keeper:
    """The clusters while links come in, with what each of them must not be joined with."""

    def __init__(self, places: Places, constraints: Constraints) -> None:
        self.places, self.constraints = places, constraints
        self.forest = Forest(len(places))
        self.actors = {place: dict.fromkeys(said, place) for place, said in constraints.actors.items()}
        self.enemies: dict[int, dict[int, Constraint]] = {}
        for pair, constraint in constraints.pairs.items():
            self.forbid(pair, constraint)

    def forbid(self, pair: tuple[int, int], constraint: Constraint) -> None:
        """Keep two places apart from now on, unless they are together already."""
        roots = [self.forest.find(place) for place in pair]
        if roots[0] != roots[1]:
            for root, enemy in zip(roots, reversed(pair), strict=True):
                self.enemies.setdefault(root, {}).setdefault(enemy, constraint)

    def against(self, one: int, other: int) -> Constraint | None:
        """Return what speaks against joining two roots."""
        first, second = self.enemies.get(one, {}), self.enemies.get(other, {})
        few, root = (first, other) if len(first) <= len(second) else (second, one)
        for enemy, constraint in few.items():
            if self.forest.find(enemy) == root:
                return constraint
        held = self.actors.get(one, {}), self.actors.get(other, {})
        if held[0].keys() <= held[1].keys() or held[1].keys() <= held[0].keys():
            return None
        return self.constraints.tagged(self.places, *held)

    def join(self, one: int, other: int) -> None:
        """Join two roots; what binds one binds both."""
        self.forest.join(one, other)
        root, gone = min(one, other), max(one, other)
        actors, enemies = self.actors.pop(gone, {}), self.enemies.pop(gone, {})
        if actors:
            self.actors[root] = {**actors, **self.actors.get(root, {})}
        if enemies:
            few, many = sorted((enemies, self.enemies.get(root, {})), key=len)
            many.update((enemy, why) for enemy, why in few.items() if enemy not in many)
            self.enemies[root] = many


def refusals(
    places: Places, claims: Claims, constraints: Constraints, *, certain: Bools, change: Bools
) -> dict[int, str]:
    """Return the links that would join what is kept apart: row of the table → the constraint in words.

    Links are taken in order. One that would join two clusters which a constraint keeps apart is left out,
    then the next is looked at: which links are left out depends on the order, which `cluster` states.

    Parameters
    ----------
    certain, change : bool[n]
        Per row of the table: exact links and decisions, which nothing refuses; and change links, which
        known payments bind.
    """
    rows = np.flatnonzero(_contested(claims, constraints, len(places)))
    if not len(rows):
        return {}
    keeper, refused, waiting = _Keeper(places, constraints), dict[int, str](), True
    columns = (claims.link[rows], claims.a[rows], claims.b[rows])
    for link, a, b in zip(*(column.tolist() for column in columns), strict=True):
        if waiting and change[link]:
            waiting = False
            for pair, constraint in constraints.payments.items():
                keeper.forbid(pair, constraint)
        one, other = keeper.forest.find(a), keeper.forest.find(b)
        if one == other:
            continue
        against = None if certain[link] else keeper.against(one, other)
        if against is None:
            keeper.join(one, other)
        else:
            refused[link] = against.sentence
    return refused


def _contested(claims: Claims, constraints: Constraints, count: int) -> Bools:
    """Return the claims about places that, if all links counted, would be with one they are kept apart from."""
    root = roots_of(count, claims.a, claims.b)
    bad = np.zeros(count, dtype=np.bool_)
    pairs = [*constraints.pairs, *constraints.payments]
    if pairs:
        ends = root[np.array(pairs, dtype=np.int64)]
        bad[ends[ends[:, 0] == ends[:, 1], 0]] = True
    held: dict[int, set[str]] = {}
    for place, actors in constraints.actors.items():
        held.setdefault(int(root[place]), set()).update(actors)
    for top, names in held.items():
        bad[top] |= len(names) > 1
    return np.asarray(bad[root[claims.a]])
