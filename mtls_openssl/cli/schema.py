"""`schema`: the recipe's JSON Schema."""

import json

from mtls_openssl.cli.app import app
from mtls_openssl.cli.options import (
    Format,
)
from mtls_openssl.cli.output import boundary


@app.command()
def schema() -> None:
    """Print the recipe's JSON Schema, for editors."""
    with boundary("schema", Format.text) as output:
        from mtls_openssl import recipe

        output.result(json.dumps(recipe.schema(), indent=2, ensure_ascii=False) + "\n")
