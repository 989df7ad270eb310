"""The bundled recipes, to start from."""

from importlib import resources
from pathlib import Path

from mtls_openssl.errors import BadInput
from mtls_openssl.source import suggestion


def starters() -> dict[str, Path]:
    """Give the bundled recipes' files by the name of their workflow."""
    folder = Path(str(resources.files("mtls_openssl") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def starter(name: str) -> str:
    """Give a bundled recipe's text; raises BadInput for a name that there is not."""
    known = starters()
    if name not in known:
        raise BadInput((), f"there is no starter {name!r}", suggestion(name, known))
    return known[name].read_text("utf-8")
