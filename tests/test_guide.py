"""The guide is one page that stands alone: all commands, what was verified, no secret."""

import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from mtls_openssl import glossary, lesson
from mtls_openssl.messages import TWELVE
from mtls_openssl.plan import Plan
from mtls_openssl.render import guide, picture, sequence
from mtls_openssl.render.guide import Guide
from mtls_openssl.render.lesson import line
from mtls_openssl.render.script import command
from tests.conftest import PROMPTING, SECRETS, SMALL, Cli
from tests.planning import planned
from tests.test_lesson import FULL, MODERN

Write = Callable[..., Path]
SVG = "{http://www.w3.org/2000/svg}"


class Reader(HTMLParser):
    """Reads a page: its links, its texts, the commands that can be copied."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.copied: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if self.open[-2:] == ["pre", "code"]:
            self.copied.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data
        if "pre" in self.open and "code" in self.open:
            self.copied[-1] += data


def made(plan: Plan) -> str:
    """The page of a plan of which nothing is there yet."""
    return guide.html(Guide(plan, lesson.teach(plan, glossary.load()), []))


PLANS = {"first": SMALL, "second": PROMPTING, "modern": MODERN, "full": FULL}
every_plan = pytest.mark.parametrize("recipe", PLANS.values(), ids=PLANS)


@every_plan
def test_every_tag_is_closed_and_no_address_leads_outside(recipe: str) -> None:
    page = Reader(made(planned(recipe)))
    assert page.open == []
    for tag, name, value in page.attributes:
        assert name not in ("src", "action", "data", "style", "onclick"), tag
        assert name != "href" or re.fullmatch(r"#step-\d+", value)
        assert "://" not in value or (tag, name) == ("svg", "xmlns")


@every_plan
def test_a_link_leads_to_its_step(recipe: str) -> None:
    page = Reader(made(planned(recipe)))
    links = [value[1:] for _, name, value in page.attributes if name == "href"]
    anchors = [value for tag, name, value in page.attributes if (tag, name) == ("section", "id")]
    assert links == anchors


@every_plan
def test_every_command_is_copied_to_the_letter(recipe: str) -> None:
    plan = planned(recipe)
    wanted = []
    for page in lesson.teach(plan, glossary.load()).pages:
        wanted += [command(item.argv) for item in page.commands]
        wanted += [line(look) for look in page.looks]
    assert Reader(made(plan)).copied == wanted


def test_whatever_a_recipe_says_is_text_on_the_page() -> None:
    evil = SMALL.replace("{CN: Root}", "{CN: '<script>alert(1)</script>\"&  x'}")
    page = Reader(made(planned(evil)))
    assert [tag for tag, _, _ in page.attributes if tag == "script"] == []
    assert '<script>alert(1)<\\/script>"&  x' in " ".join(page.copied)


def drawn(svg: str) -> ET.Element:
    """A picture, read as XML."""
    return ET.fromstring(svg)  # noqa: S314  we wrote it


def texts(svg: str) -> list[str]:
    """What is written in a picture."""
    return ["".join(text.itertext()) for text in drawn(svg).iter(f"{SVG}text")]


def test_the_hierarchy_is_drawn() -> None:
    svg = picture.hierarchy(planned(MODERN))
    assert texts(svg) == [
        "rootroot authority", "issuingissuing authority", "apiserver", "aliceclient", "bobclient",
        "carolclient",
    ]  # fmt: skip
    assert len(list(drawn(svg).iter(f"{SVG}path"))) == 5


@pytest.mark.parametrize(("count", "told"), [(9, "and 1 more client"), (40, "and 32 more clients")])
def test_a_fleet_is_counted_in_the_picture(count: int, told: str) -> None:
    clients = "".join(f"  c{number}: {{}}\n" for number in range(count))
    svg = picture.hierarchy(
        planned(f"workflow: modern\nauthorities: {{r: {{}}}}\nclients:\n{clients}")
    )
    assert len(texts(svg)) == 1 + picture.MOST_LEAVES + 1
    assert texts(svg)[-1] == told


def test_a_long_name_stays_in_its_box() -> None:
    name = "x" * 60 + ".example.com"
    recipe = f"workflow: modern\nauthorities: {{r: {{}}}}\nservers: {{{name}: {{names: [a.b]}}}}\n"
    recipe = recipe.replace("names: [a.b]", "names: [a.b], subject: {CN: a.b}")
    [_, text] = texts(picture.hierarchy(planned(recipe)))
    assert re.fullmatch(r"x+…server", text)


def test_the_messages_are_drawn_from_left_to_right_and_back() -> None:
    svg = picture.sequence(sequence.rows(TWELVE), "<b>", "server")
    arrows = [path.get("class") for path in drawn(svg).iter(f"{SVG}path")]
    ways = [name.split()[1] for name in arrows if name and name.startswith("arrow")]
    assert ways == [message.sender for message in TWELVE]
    assert texts(svg)[0] == "<b>"


# The command line


def page_of(cli: Cli, *options: str, env: dict[str, str] | None = None) -> str:
    """Make a guide, and give its text."""
    words = ("guide", "recipe.yaml", "--openssl", str(cli.openssl), *options)
    return cli(*words, env=env).stdout


def test_a_guide_of_nothing_yet_says_so_and_makes_nothing(cli: Cli, write: Write) -> None:
    path = write(SMALL)
    page = Reader(page_of(cli))
    assert "Nothing yet: there is no folder with these files." in page.text
    assert "Not shown live" in page.text
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.version
def test_what_is_there_is_verified_and_shown_live(cli: Cli, write: Write) -> None:
    write(MODERN)
    cli("apply", "recipe.yaml")
    page = Reader(page_of(cli))
    assert "alice meets api, by OpenSSL" in page.text
    assert "accepted by the server" in page.text
    assert "refused by the server" in page.text
    assert page.text.count("ok ") > 10
    assert ("span", "class", "failed") not in page.attributes


def test_a_file_that_is_wrong_is_told_and_no_handshake_is_shown(cli: Cli, write: Write) -> None:
    write(MODERN)
    cli("apply", "recipe.yaml")
    (cli.folder / "recipe" / "alice.key").chmod(0o644)
    page = Reader(page_of(cli))
    assert ("span", "class", "failed") in page.attributes
    assert "private: expected yes, found mode 644" in page.text
    assert "Not shown live" in page.text


def test_no_private_key_and_no_secret_is_on_a_page(cli: Cli, write: Write) -> None:
    write(PROMPTING)
    cli("apply", "recipe.yaml", env=SECRETS)
    for kind in ("html", "markdown"):
        page = page_of(cli, "--format", kind, env=SECRETS)
        assert "heiko" in page
        for secret in ("-----BEGIN", *SECRETS.values()):
            assert secret not in page
        for path in (cli.folder / "recipe").rglob("*.key"):
            assert path.read_text().splitlines()[3] not in page


def test_the_configuration_is_what_config_prints(cli: Cli, write: Write) -> None:
    write(cli("init", "modern").stdout)
    for target, name in (("nginx", "api.example.com"), ("curl", "alice")):
        printed = cli("config", "recipe.yaml", "--for", target, "--name", name).stdout
        assert printed.rstrip() in unescape(cli("guide", "recipe.yaml").stdout)
        assert printed.rstrip() in cli("guide", "recipe.yaml", "--format", "markdown").stdout


def test_markdown_has_all_of_it(cli: Cli, write: Write) -> None:
    write(MODERN)
    cli("apply", "recipe.yaml")
    text = page_of(cli, "--format", "markdown")
    tokens = MarkdownIt().parse(text)
    heads = [
        tokens[place + 1].content for place, t in enumerate(tokens) if t.type == "heading_open"
    ]
    assert heads[0] == "Mutual TLS, as of today"
    assert [head for head in heads if head.startswith(("What", "The "))] == [
        "What was verified", "The configuration", "The handshake",
    ]  # fmt: skip
    assert "1. client → server: ClientHello" in text
    assert "**no-certificate**: " in text


def test_a_guide_is_written_where_it_is_wanted(cli: Cli, write: Write) -> None:
    write(SMALL)
    done = cli("guide", "recipe.yaml", "-o", "guide.html", "--openssl", str(cli.openssl))
    assert done.stdout == ""
    assert done.stderr.startswith("guide.html is written; after an apply of recipe.yaml")
    assert (cli.folder / "guide.html").read_text().startswith("<!DOCTYPE html>\n")


def test_where_it_cannot_be_written_is_told_in_one_message(cli: Cli, write: Write) -> None:
    write(SMALL)
    words = ("guide", "recipe.yaml", "-o", "nowhere/guide.html", "--openssl", str(cli.openssl))
    assert cli(*words, code=3).stderr == "error: nowhere/guide.html: No such file or directory\n"
