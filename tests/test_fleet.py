"""Fleets: one entry stands for many entities, and a fault is told where the person wrote it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtls_openssl import fleet, recipe, source
from mtls_openssl.errors import BadInput, Fault
from mtls_openssl.recipe import Recipe
from tests.conftest import Cli
from tests.planning import planned, recipe_of, refusal, told

Write = Callable[..., Path]

HEAD = "workflow: modern\nauthorities: {ca: }\n"


def build(text: str, folder: Path = Path()) -> Recipe:
    return recipe.build(source.parse(text.encode(), "recipe.yaml"), "recipe", folder)


def entities(text: str, folder: Path = Path()) -> list[str]:
    """The names of a recipe's servers and clients."""
    return [entity.name for entity in build(HEAD + text, folder).entities[1:]]


def clients(entry: str) -> tuple[str, ...]:
    """What is told of a fleet of clients on line 3."""
    return tuple(told(refusal(recipe_of, f"{HEAD}clients: {{{entry}}}\n")))


def test_a_count_numbers_its_entities_from_one() -> None:
    assert entities('clients: {"device-{n:04}": {each: {count: 3}}}\n') == [
        "device-0001", "device-0002", "device-0003",
    ]  # fmt: skip


def test_a_list_gives_its_items_as_text_however_yaml_reads_them() -> None:
    text = 'clients: {"x-{item}-{n}": {each: {list: [a, 5, 007, NO, true]}}}\n'
    assert entities(text) == ["x-a-1", "x-5-2", "x-007-3", "x-NO-4", "x-true-5"]


def test_a_list_of_mappings_gives_their_names() -> None:
    text = """\
clients:
  "{host}-{n}":
    each: {list: [{host: a, on: true}, {host: b, on: 5, }]}
    subject: {CN: "{on}"}
"""
    made = build(HEAD + text).entities[1:]
    assert [(e.name, dict(e.options.subject or ())) for e in made] == [
        ("a-1", {"CN": "true"}),
        ("b-2", {"CN": "5"}),
    ]


def test_every_text_of_an_entry_is_filled_however_deep(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text('host,ip,o\na.example.com,10.0.0.1,"Big, Inc."\n')
    text = """\
servers:
  "{host}":
    each: {csv: d.csv}
    names: ["{host}", "{ip}", "https://{host}/{{x}}"]
    subject: {O: "{o}"}
    files: {key: "keys/{host}.key"}
"""
    [entity] = build(HEAD + text, tmp_path).entities[1:]
    assert entity.name == "a.example.com"
    assert getattr(entity.declared, "names", ()) == (
        "DNS:a.example.com", "IP:10.0.0.1", "URI:https://a.example.com/{x}",
    )  # fmt: skip
    assert dict(entity.options.subject or ())["O"] == "Big, Inc."
    assert entity.declared.files == {"key": "keys/a.example.com.key"}


def test_numbers_may_come_from_a_cell(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("n,days\n7,10\n9,20\n")
    made = build(HEAD + 'clients: {"c{n}": {each: {csv: d.csv}, days: "{days}"}}\n', tmp_path)
    assert [(e.name, e.options.days) for e in made.entities[1:]] == [("c7", 10), ("c9", 20)]


def test_a_column_may_be_named_as_spreadsheets_name_them(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("Serial No,Größe\n7,XL\n")
    text = 'clients: {"x-{Serial No:03}-{Größe}": {each: {csv: d.csv}}}\n'
    assert entities(text, tmp_path) == ["x-007-XL"]


def test_only_fleets_are_filled() -> None:
    """Braces are letters like others where nothing is repeated."""
    [entity] = build(HEAD + 'clients: {c: {subject: {O: "{n}"}}}\n').entities[1:]
    assert dict(entity.options.subject or ())["O"] == "{n}"


def test_a_fleet_stands_where_its_entry_stands_among_others() -> None:
    text = 'clients: {b: , "a{n}": {each: {count: 2}}, c: }\n'
    assert entities(text) == ["b", "a1", "a2", "c"]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ('"x{m}": {each: {count: 2}}', '"x{m}": no row has {m} | known here: n'),
        (
            '"x{n}": {each: {count: 2}, names: [ok.com, "{hsot}"]}',
            "{hsot}: no row has {hsot} | known here: n",
        ),
        (
            '"{host}": {each: {list: [{host: a}]}, subject: {O: "a {hsot}"}}',
            "{hsot}: no row has {hsot} | did you mean 'host'?",
        ),
        (
            '"x{n": {each: {count: 2}}',
            '"x{n": a { stands alone | write {{ for the character itself',
        ),
        (
            '"x{n}}": {each: {count: 2}}',
            '"x{n}}": a } stands alone | write }} for the character itself',
        ),
        (
            "x: {each: {count: 2}}",
            "x: 'x' is named already | put a placeholder into the name, as in device-{n:04}",
        ),
        (
            'x2: , "x{n}": {each: {count: 3}}',
            "\"x{n}\": 'x2' is named already | names are unique in a recipe",
        ),
        (
            '"x{n}": {each: {count: 3}}, x2: ',
            "\"x{n}\": 'x2' is named already | names are unique in a recipe",
        ),
        (
            '"x{n}": {each: {list: [{host: a}, {hots: b}]}}',
            "{: this row has no hots | every row of a list gives the same names",
        ),
        ('"x{n}": {each: {list: [[a]]}}', "[: ['a'] is no row | write a text, or {name: text, …}"),
        ('"x{n}": {each: {list: [~]}}', "~: nothing is no row | write a text, or {name: text, …}"),
        (
            '"{item}": {each: {list: [../up]}}',
            (
                "\"{item}\": '../up' cannot name files | use letters, digits and . _ @ + - ;"
                " a wildcard belongs into names:"
            ),
        ),
        (
            '"x{n}": {each: {count: 2}, nmaes: [a.com]}',
            "nmaes: unknown key 'nmaes' | did you mean 'names'?",
        ),
    ],
)
def test_a_fault_of_the_entry_is_told_once_under_its_word(entry: str, problem: str) -> None:
    assert clients(entry) == (f"3, {problem}",)


HOW = "write each: {count: 100}, {list: [a, b]} or {csv: devices.csv}"


@pytest.mark.parametrize(
    ("each", "problem"),
    [
        ("5", "5: each: has exactly one source of rows"),
        ("{}", "{: each: has exactly one source of rows"),
        ("{count: 1, list: [a]}", "{: each: has exactly one source of rows"),
        ("{cuont: 5}", "cuont: 'cuont' is no source of rows"),
        ("{count: 0}", "0: count: takes a whole number, 1 to 100000"),
        ("{count: 100001}", "100001: count: takes a whole number, 1 to 100000"),
        ("{count: true}", "true: count: takes a whole number, 1 to 100000"),
        ("{count: many}", "many: count: takes a whole number, 1 to 100000"),
        ("{list: []}", "[: list: takes a list of texts or of mappings"),
        ("{list: a}", "a: list: takes a list of texts or of mappings"),
        ("{csv: 5}", "5: csv: takes the path of a file"),
    ],
)
def test_each_has_one_source_of_rows(each: str, problem: str) -> None:
    assert clients(f'"x{{n}}": {{each: {each}}}') == (f"3, {problem} | {HOW}",)


def test_an_authority_is_one_of_a_kind() -> None:
    problems = told(refusal(recipe_of, "workflow: modern\nauthorities: {ca: {each: {count: 1}}}\n"))
    assert [line.partition(" | ")[0] for line in problems] == ["2, each: unknown key 'each'"]


def test_a_fault_that_a_whole_fleet_shares_is_told_once() -> None:
    text = 'workflow: mutual-tls\nauthorities: {ca: }\nservers: {"x{n}": {each: {count: 50}, names: [a.b]}}\n'  # noqa: E501
    assert told(refusal(planned, text)) == [
        (
            "3, names: the workflow mutual-tls makes nothing of names: here"
            " | leave it out, or choose a workflow that has it"
        )
    ]


def test_of_faults_that_each_of_a_fleet_has_for_itself_three_are_told_and_the_rest_counted() -> (
    None
):
    text = """\
workflow: modern
authorities: {ca: {name_constraints: {permitted: [DNS:b.c]}}}
servers: {"x{n}": {each: {count: 50}, names: ["x{n}.com"]}}
"""
    problems = told(refusal(planned, text))
    assert [line.partition(":")[2].partition(" | ")[0] for line in problems] == [
        " ca may not vouch for DNS:x1.com: only b.c is permitted",
        " ca may not vouch for DNS:x2.com: only b.c is permitted",
        " ca may not vouch for DNS:x3.com: only b.c is permitted (and 47 more like it)",
    ]


TABLE = """\
workflow: modern
authorities: {ca: }
servers:
  "{host}": {each: {csv: d.csv}, names: ["{host}"], subject: {O: "{o}"}}
"""


def of_table(folder: Path, content: bytes | str) -> list[str]:
    """What is told of a CSV file, each with the file that it points into."""
    (folder / "d.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    problems = refusal(lambda: build(TABLE, folder))
    return [
        f"{problem.file}:{problem.column}: {line}"
        for problem, line in zip(problems, told(problems), strict=True)
    ]


QUOTES = 'write a quote in a cell as ""'


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (
            "host,o\na\n",
            [
                (
                    "d.csv:1: 2, a: cells in this line: 1, in the header: 2"
                    " | quote a cell that holds a comma"
                )
            ],
        ),
        (
            "host,o\na,Big, Inc.\nb,x\nc\n",
            [
                (
                    "d.csv:1: 2, a,Big, Inc.: cells in this line: 3, in the header: 2"
                    " | quote a cell that holds a comma"
                ),
                (
                    "d.csv:1: 4, c: cells in this line: 1, in the header: 2"
                    " | quote a cell that holds a comma"
                ),
            ],
        ),
        ("host,o,host\na,b,c\n", ["d.csv:1: 1, host: two columns are named 'host' | rename one"]),
        (
            "host,o,\na,b,c\n",
            ["d.csv:8: 1, : a column has no name | name every column in the first line"],
        ),
        (
            'host,o\n\na,"x\ny"\nbad host,z\n',
            [
                'd.csv:1: 3, a,"x: O holds a control character | names are one line of plain text',
                (
                    "d.csv:1: 5, bad host: 'bad host' cannot name files | use letters, digits and"
                    " . _ @ + - ; a wildcard belongs into names:"
                ),
                (
                    "d.csv:1: 5, bad host: 'bad host' is no host name"
                    " | write a host name, an IP address, an email address or a URI"
                ),
            ],
        ),
        (
            "o,host\nx,a\ny, b_-\nz,c\n",
            [
                (
                    "d.csv:4: 3, b_-: 'b_-' is no host name | write a host name, an IP address,"
                    " an email address or a URI"
                )
            ],
        ),
        (
            "host,o\na,x\nb,x\na,y\n",
            ["d.csv:1: 4, a: 'a' is named already | names are unique in a recipe"],
        ),
        (
            'host,o\na,x\n"b,y\nc,z\n',
            [f'd.csv:1: 3, "b,y: a quote is opened here and never closed | {QUOTES}'],
        ),
        (
            'host,o\n"a"b,x\n',
            [f"d.csv:1: 2, \"a\"b,x: no CSV: ',' expected after '\"' | {QUOTES}"],
        ),
        (
            b"host,o\n\xff,x\n",
            ["recipe.yaml:26: 4, d.csv: d.csv is not UTF-8 | save it as CSV in UTF-8"],
        ),
        (
            "host,o\na,\n",
            [("d.csv:3: 2, : O has no value | give it a text, or leave the attribute out")],
        ),
    ],
)
def test_a_fault_of_a_table_is_told_at_its_own_line_and_cell(
    tmp_path: Path, content: bytes | str, problems: list[str]
) -> None:
    assert of_table(tmp_path, content) == problems


@pytest.mark.parametrize("content", ["", "\n\n", "host,o\n", "host,o", "\ufeff", "host,o\n\n  \n"])
def test_a_table_without_rows_is_told_at_the_recipe(tmp_path: Path, content: str) -> None:
    assert of_table(tmp_path, content) == [
        (
            "recipe.yaml:26: 4, d.csv: d.csv has no rows"
            " | its first line names the columns, each other line is an entity"
        )
    ]


@pytest.mark.parametrize(("name", "why"), [("e.csv", "No such file or directory"), (".", "Is a")])
def test_a_table_that_cannot_be_read_says_where_it_was_looked_for(
    tmp_path: Path, name: str, why: str
) -> None:
    [problem] = refusal(lambda: build(TABLE.replace("d.csv", name), tmp_path))
    assert problem.message.startswith(f"{name} cannot be read: {why}")
    assert problem.hint == f"looked for {tmp_path / name}; the path is relative to the recipe"


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"\xef\xbb\xbfhost,o\r\na,x\r\nb,y\r\n", {"a": "x", "b": "y"}),
        (b"host,o\ra,x\rb,y", {"a": "x", "b": "y"}),
        (b"\n host , o\n\n a ,x \n  \nb,y\n\n", {"a": "x", "b": "y"}),
        (b'o,host\n"x, ""y""","a"\n', {"a": 'x, "y"'}),
        ("host,o\na,x\u2028y\nb,z\u00a0z\n".encode(), {"a": "x\u2028y", "b": "z\u00a0z"}),
        ("host,o\na,Müller & Söhne {n}\n".encode(), {"a": "Müller & Söhne {n}"}),
    ],
    ids=["BOM and CR LF", "CR", "blank lines and blanks", "quotes", "other separators", "braces"],
)
def test_tables_are_read_as_spreadsheets_write_them(
    tmp_path: Path, content: bytes, rows: dict[str, str]
) -> None:
    (tmp_path / "d.csv").write_bytes(content)
    made = build(TABLE, tmp_path).entities[1:]
    assert {e.name: dict(e.options.subject or ())["O"] for e in made} == rows


CHARACTERS = st.text(st.sampled_from("{}:n0a\"',\r\n\ufeff\u2028é "), max_size=12)


@given(st.text())
def test_a_text_with_its_braces_doubled_is_filled_with_itself(text: str) -> None:
    assert fleet.fill(text.replace("{", "{{").replace("}", "}}"), {"n": "1"}) == text


@given(st.text(), st.text(), st.text())
def test_what_a_row_holds_comes_out_as_it_is(before: str, value: str, after: str) -> None:
    """A cell's braces stand for nothing."""
    around = [part.replace("{", "{{").replace("}", "}}") for part in (before, after)]
    assert fleet.fill("{x}".join(around), {"x": value}) == before + value + after


@given(st.text(st.sampled_from("{}:n0a4 ")))
def test_a_text_is_filled_or_refused_with_the_word_that_is_wrong(text: str) -> None:
    try:
        fleet.fill(text, {"n": "1", "a": "b"})
    except Fault as fault:
        assert fault.word in text  # noqa: PT017


@given(name=CHARACTERS, value=CHARACTERS, item=CHARACTERS | st.integers() | st.booleans())
def test_whatever_a_fleet_holds_it_is_a_recipe_or_told_problems(
    name: str, value: str, item: object
) -> None:
    entry = {"each": {"list": [item, {"a": value}]}, "subject": {"O": value}, "names": [value]}
    data = {"workflow": "modern", "authorities": {"ca": None}, "clients": {name: entry}}
    _recipe_or_problems(data, Path())


@given(content=st.binary(max_size=60) | CHARACTERS.map(str.encode), name=CHARACTERS)
def test_whatever_a_table_holds_it_is_a_recipe_or_told_problems(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "any.csv").write_bytes(content)
    entry = {"each": {"csv": "any.csv"}, "subject": {"O": name}, "names": ["{a}.b"]}
    clients = {f"{name}{{a}}": entry, "{n}": {"each": {"csv": "any.csv"}}}
    data = {"workflow": "modern", "authorities": {"ca": None}, "clients": clients}
    _recipe_or_problems(data, folder)


def _recipe_or_problems(data: dict[str, Any], folder: Path) -> None:
    try:
        made = build(json.dumps(data, ensure_ascii=True), folder)
    except BadInput as fault:
        lines = [problem.line for problem in fault.problems]
    else:
        lines = [len(made.entities)]
    assert lines
    assert min(lines) > 0


FLEET = """\
workflow: modern
authorities: {ca: }
clients:
  "{name}": {each: {csv: devices.csv}, names: ["{name}@{domain}"]}
"""
DEVICES = "name,domain\n" + "".join(f"d{number},example.com\n" for number in range(1, 5))


def changed(done: str) -> list[str]:
    """The steps that an apply did."""
    return [step["id"] for step in json.loads(done)["steps"] if step["status"] == "done"]


def test_a_table_is_applied_and_changes_row_by_row(cli: Cli, write: Write) -> None:
    """One changed row re-issues one certificate; a row taken out is an orphan."""
    write(FLEET)
    write(DEVICES, "devices.csv")
    cli("apply", "recipe.yaml")
    assert json.loads(cli("verify", "recipe.yaml", "--format", "json").stdout)["ok"]
    assert "nothing to do" in cli("apply", "recipe.yaml").stderr
    write(DEVICES.replace("d2,example.com", "d2,example.org"), "devices.csv")
    done = cli("apply", "recipe.yaml", "--format", "json").stdout
    assert changed(done) == ["d2.extensions", "d2.certificate", "d2.chain"]
    write(DEVICES.replace("d2,example.com\n", ""), "devices.csv")
    done = cli("apply", "recipe.yaml", "--format", "json").stdout
    assert changed(done) == []
    files = [f"d2.{kind}" for kind in ("key", "csr", "ext", "pem", "chain.pem")]
    assert json.loads(done)["orphans"] == [{"entity": "d2", "files": files}]
    cli("verify", "recipe.yaml")
    assert all((cli.folder / "recipe" / file).exists() for file in files)


def test_a_fleet_signs_a_request_for_each_of_its_rows(
    cli: Cli, write: Write, run_openssl: Callable[..., str]
) -> None:
    (cli.folder / "incoming").mkdir()
    for name in ("a", "b"):
        words = f"req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key"
        run_openssl(*words.split(), "-subj", f"/CN=sensor {name}", "-out", f"incoming/{name}.csr")
    text = f'{HEAD}clients: {{"{{item}}": {{each: {{list: [a, b]}}, request: "incoming/{{item}}.csr"}}}}\n'  # noqa: E501
    write(text)
    cli("apply", "recipe.yaml")
    cli("verify", "recipe.yaml")
    for name in ("a", "b"):
        told = run_openssl("x509", "-in", f"recipe/{name}.pem", "-noout", "-subject")
        assert f"CN = sensor {name}" in told
    write(text.replace("[a, b]", "[a, c]"))
    done = cli("plan", "recipe.yaml", code=2)
    assert "there is no file incoming/c.csr" in done.stderr
