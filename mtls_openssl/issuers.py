"""Who issues whom: as the recipe says, or the only authority that can be meant."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mtls_openssl.errors import Problem
from mtls_openssl.source import Document, suggestion

GROUPS = ("authorities", "servers", "clients")


@dataclass(frozen=True)
class Issuers:
    """Who issues whom, in a recipe's plain data, however wrong the rest of it is."""

    authorities: tuple[str, ...]
    given: Mapping[tuple[str, str], str | None]
    """What each entity, by group and name, says itself; None where it says nothing usable."""
    default: str | None

    def of(self, group: str, name: str) -> str | None:
        """Give an entity's issuer; a root's is its own name, None where more than one can be."""
        if given := self.given.get((group, name)):
            return given
        if group == "authorities":
            return name
        return self.default or self._only()

    def _only(self) -> str | None:
        """Give the only authority that has no other below it."""
        above = {self.of("authorities", name) for name in self.authorities if not self._root(name)}
        lowest = [name for name in self.authorities if name not in above]
        return lowest[0] if len(lowest) == 1 else None

    def _root(self, name: str) -> bool:
        return self.of("authorities", name) == name

    def above(self, name: str) -> list[str]:
        """Give the authorities above one, up to a root, or to where a circle closes."""
        line: list[str] = []
        seen = {name}
        while issuer := self.of("authorities", name):
            if issuer in seen or ("authorities", issuer) not in self.given:
                break
            line.append(issuer)
            seen.add(issuer)
            name = issuer
        return line

    def circular(self, name: str) -> bool:
        """Whether an authority would, in the end, issue itself."""
        last = [name, *self.above(name)][-1]
        return not self._root(name) and self.of("authorities", last) == name


def entities(data: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give the entities of a recipe's plain data: group, name, and what they say."""
    for group in GROUPS:
        members = data.get(group)
        if isinstance(members, dict):
            for name, value in members.items():
                yield group, name, value if isinstance(value, dict) else {}


def read(data: Mapping[str, Any]) -> Issuers:
    """Read who issues whom."""
    defaults = data.get("defaults")
    return Issuers(
        tuple(name for group, name, _ in entities(data) if group == "authorities"),
        {(group, name): _name(value.get("issuer")) for group, name, value in entities(data)},
        _name(defaults.get("issuer")) if isinstance(defaults, dict) else None,
    )


def _name(value: object) -> str | None:
    usable = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if usable else None


def problems(document: Document, data: Mapping[str, Any]) -> Iterator[Problem]:
    """Find issuers that there are not, that are one of many, or that would issue themselves."""
    if not isinstance(data.get("authorities"), dict):
        return
    issuers = read(data)
    known = issuers.authorities
    if not known:
        yield document.problem(("authorities",), "there is no authority", "name one", key=True)
        return
    given = {(*path, "issuer"): name for path, name in issuers.given.items()}
    for path, name in (given | {("defaults", "issuer"): issuers.default}).items():
        if name is not None and name not in known:
            yield document.problem(path, f"{name!r} is no authority", suggestion(name, known))
    circles = [name for name in known if issuers.circular(name)]
    for name in circles:
        path = ("authorities", name, "issuer")
        hint = "begin with a root, which has no issuer"
        yield document.problem(path, f"{name!r} would issue itself", hint)
    for group, name, value in entities(data) if not circles else ():
        if "issuer" not in value and issuers.of(group, name) is None:
            hint = suggestion("", known).replace("known here:", "add issuer: with one of")
            message = "more than one authority could issue this"
            yield document.problem((group, name), message, hint, key=True)
