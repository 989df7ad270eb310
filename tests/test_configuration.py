"""Configuration as text: which entities, which files, which lines; and templates of one's own."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mtls_openssl.configuration import BUNDLED, TARGETS, Templates, configure
from mtls_openssl.errors import BadInput
from mtls_openssl.programs import CLIENT_TARGETS, SERVER_TARGETS
from mtls_openssl.setting import Folder
from tests.conftest import PROMPTING, SMALL, Cli
from tests.planning import planned

Write = Callable[..., Path]

HIERARCHY = """\
workflow: modern
authorities:
  root: {passphrase: {generate: true}}
  issuing: {issuer: root}
servers:
  web: {names: [web.example.com], config: [nginx, openldap]}
  api: {passphrase: {env: API_PASSPHRASE}}
clients:
  alice: {passphrase: {generate: true}, config: [curl]}
  bob: {}
"""


def printed(text: str, target: str | None, name: str | None = None, folder: str = "/pki") -> str:
    """What is printed for a recipe."""
    made = configure(planned(text), target, name, Folder(folder), Templates())
    return "\n".join(one.text for one in made)


def directives(text: str) -> list[str]:
    """The lines that are no comments."""
    return [line for line in text.splitlines() if line and not line.startswith(("#", ";", "//"))]


def refused(text: str, target: str | None, name: str | None = None, folder: str = "/pki") -> str:
    """The one message, and its hint, instead of a configuration."""
    with pytest.raises(BadInput) as caught:
        printed(text, target, name, folder)
    return f"{caught.value.message} | {caught.value.hint}"


def test_openldap_is_told_to_the_first_documents_letter() -> None:
    assert directives(printed(SMALL, "openldap", folder=".")) == [
        "TLSCACertificateFile ca.pem",
        "TLSCertificateFile test.example.com.pem",
        "TLSCertificateKeyFile server.key",
        "TLSVerifyClient demand",
    ]


def test_nginx_is_told_to_the_first_documents_letter() -> None:
    assert directives(printed(SMALL, "nginx", folder=".")) == [
        "ssl_certificate test.example.com.pem;",
        "ssl_certificate_key server.key;",
        "ssl_client_certificate ca.pem;",
        "ssl_verify_client on;",
    ]


def test_nginx_is_told_to_the_second_documents_letter() -> None:
    folder = "/etc/nginx/certs"
    assert directives(printed(PROMPTING, "nginx", folder=folder)) == [
        f"ssl_certificate {folder}/server/server.example.com.crt;",
        f"ssl_certificate_key {folder}/server/server.example.com.key;",
        f"ssl_client_certificate {folder}/ca/ca.crt;",
        "ssl_verify_client on;",
    ]


def test_a_hierarchy_shows_its_chain_and_trusts_every_ca() -> None:
    assert directives(printed(HIERARCHY, "nginx", "web")) == [
        "ssl_certificate /pki/web.chain.pem;",
        "ssl_certificate_key /pki/web.key;",
        "ssl_client_certificate /pki/trust.pem;",
        "ssl_verify_depth 2;",
        "ssl_verify_client on;",
    ]


@pytest.mark.parametrize("target", TARGETS)
def test_an_encrypted_key_is_dealt_with_and_its_pass_phrase_not_told(target: str) -> None:
    text = HIERARCHY.replace("{names: [web.example.com],", "{passphrase: {generate: true},")
    name = "alice" if target in CLIENT_TARGETS else "web"
    told = printed(text, target, name)
    words = ("pass phrase", "pkcs12", "passphrase")
    assert any(word in told for word in words)


def test_a_pass_phrase_that_is_kept_nowhere_is_to_be_written_by_the_person() -> None:
    told = printed(HIERARCHY, "nginx", "api")
    assert "on the first line of this file, which you write, chmod 600.\n" in told
    assert "ssl_password_file /pki/api.key.password;\n" in told


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_one_template_and_prints_one_block_for_each_entity(target: str) -> None:
    assert len(list(BUNDLED.glob(f"{target}.*"))) == 1
    made = list(configure(planned(HIERARCHY), target, None, Folder("/pki"), Templates()))
    servers = target in SERVER_TARGETS
    assert [one.entity for one in made] == (["web", "api"] if servers else ["alice", "bob"])
    for one in made:
        assert one.entity in one.text.splitlines()[0]
        assert one.text.endswith("\n")
        assert "\n\n\n" not in one.text
        assert not any(line != line.rstrip() for line in one.text.splitlines())


def test_a_certificate_that_does_not_say_whom_it_is_for_is_pointed_out() -> None:
    words = "a server's is let in as a client's, too."
    assert words in printed(SMALL, "nginx")
    assert words not in printed(HIERARCHY, "nginx")


def test_what_the_recipe_names_is_printed_without_for() -> None:
    made = list(configure(planned(HIERARCHY), None, None, Folder("/pki"), Templates()))
    assert [(one.entity, one.target) for one in made] == [
        ("web", "nginx"), ("web", "openldap"), ("alice", "curl"),
    ]  # fmt: skip


def test_a_secret_for_kubernetes_may_be_a_servers() -> None:
    assert "kubectl create secret generic web " in printed(HIERARCHY, "kubernetes", "web")


@pytest.mark.parametrize(
    ("target", "name", "message"),
    [
        ("ngnix", None, "--for: there is no target 'ngnix' | did you mean 'nginx'?"),
        ("nginx", "alice", "nginx is a server's program, and alice is no server | known here: api"),
        ("curl", "web", "curl is a client's program, and web is no client | known here: alice,"),
        ("nginx", "root", "nginx is a server's program, and root is no server | known here: api"),
        (None, "bob", "bob does not say which programs to configure | add --for with one of nginx"),
    ],
)
def test_what_cannot_be_meant_is_refused(target: str | None, name: str, message: str) -> None:
    assert refused(HIERARCHY, target, name).startswith(message)


def test_without_for_and_without_a_word_in_the_recipe_all_targets_are_named() -> None:
    said = refused(SMALL, None)
    assert said.startswith("the recipe does not say which programs to configure | add --for")
    assert all(target in said for target in TARGETS)


def test_a_path_that_a_target_cannot_express_is_refused() -> None:
    said = refused(SMALL, "nginx", folder="/a$b")
    assert said.startswith("nginx cannot be told of '/a$b/test.example.com.pem': it has no way to")


def test_a_prefix_that_looks_like_an_option_is_none() -> None:
    assert "-i ./-x/ca.pem\n" in printed(SMALL, "chromium", folder="-x")


LISTED = """\
workflow: modern
authorities:
  root:
  issuing: {issuer: root, crl_url: http://crl.example.com/issuing.crl}
servers: {web: }
clients: {alice: }
"""
"""With an address of its list, an authority keeps one, and so does every one above it."""


def listed(target: str) -> str:
    """What is printed where all authorities keep revocation lists."""
    return printed(LISTED, target)


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("nginx", "ssl_crl /pki/crls.pem;"),
        ("openldap", "TLSCRLFile /pki/crls.pem"),
        ("apache", "SSLCARevocationFile /pki/crls.pem"),
        ("postgresql", "ssl_crl_file = '/pki/crls.pem'"),
        ("mosquitto", "crlfile /pki/crls.pem"),
        ("stunnel", "CRLfile = /pki/crls.pem"),
        ("curl", 'crlfile = "/pki/crls.pem"'),
        ("python", 'context.load_verify_locations("/pki/crls.pem")'),
    ],
)
def test_the_file_of_all_revocation_lists_is_told(target: str, line: str) -> None:
    told = listed(target)
    assert line in told.splitlines()
    assert not re.search(r"^(#|;|//)   cat ", told, re.MULTILINE)


def test_where_no_file_of_all_cas_is_made_the_person_is_told_to_make_it() -> None:
    two = SMALL.replace("  ca: {", "  other: {}\n  ca: {").replace(
        "server: {", "server: {issuer: ca, "
    )
    told = printed(two.replace("  client:\n", "  client:\n    issuer: other\n"), "nginx")
    assert "\n#   cat /pki/other.pem /pki/ca.pem > /pki/trust.pem\n" in told
    assert "\nssl_client_certificate /pki/trust.pem;\n" in told


def test_haproxy_is_told_of_the_lists_where_it_binds() -> None:
    assert listed("haproxy").endswith(" verify required crl-file /pki/crls.pem\n")


def test_node_is_told_of_each_list() -> None:
    told = listed("node")
    assert 'fs.readFileSync("/pki/root.crl"),' in told
    assert 'fs.readFileSync("/pki/issuing.crl"),' in told


def test_redis_says_that_it_knows_no_lists() -> None:
    assert "a revoked client is let in until its certificate expires" in listed("redis")


def test_where_one_ca_keeps_no_list_revocation_is_said_not_to_be_looked_at() -> None:
    told = printed(
        LISTED.replace("issuing: {", "other: {issuer: root}\n  issuing: {")
        .replace("{web: }", "{web: {issuer: issuing}}")
        .replace("{alice: }", "{alice: {issuer: issuing}}"),
        "nginx",
    )
    assert "ssl_crl" not in told
    assert (
        "Revocation is not looked at: lists of every CA are wanted, and there is none of other."
        in told
    )


# Templates of one's own


def test_an_own_template_lies_over_the_bundled_one(tmp_path: Path) -> None:
    (tmp_path / "nginx.mine").write_text("{{ entity }}: {{ key | nginx }}\n")
    templates = Templates(tmp_path)
    plan = planned(SMALL)
    [mine] = configure(plan, "nginx", None, Folder("/a b"), templates)
    assert mine.text == 'server: "/a b/server.key"\n'
    [bundled] = configure(plan, "redis", None, Folder("/pki"), templates)
    assert bundled.text == printed(SMALL, "redis")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a\n{{ keey | nginx }}\n", 2, "'keey' is undefined"),
        ("a\n\n{{ key | ngnix }}\n", 3, "No filter named 'ngnix'."),
        ("a\n{{ key }}\n", 2, "Place(path='/pki/server.key') has no filter, such as nginx or sh"),
        ("{% if %}\n", 1, "Expected an expression, got 'end of statement block'"),
        ("{{ entity.__class__.__mro__ }}\n", 1, "access to attribute '__class__' of 'str' object"),
    ],
)
def test_a_faulty_template_is_pointed_at(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    (tmp_path / "nginx.conf").write_text(text)
    with pytest.raises(BadInput) as caught:
        list(configure(planned(SMALL), "nginx", None, Folder("/pki"), Templates(tmp_path)))
    [problem] = caught.value.problems
    assert (problem.file, problem.line) == (str(tmp_path / "nginx.conf"), line)
    assert problem.message.startswith(message)
    assert problem.excerpt == text.splitlines()[line - 1]


def test_a_folder_without_templates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ngnix.conf").touch()
    with pytest.raises(BadInput) as caught:
        Templates(tmp_path)
    assert caught.value.message == f"there is no template in {tmp_path}"
    assert "nginx.conf.j2" in caught.value.hint


# The command line


def test_the_paths_are_those_of_the_applied_files(cli: Cli, write: Write) -> None:
    write(HIERARCHY)
    done = cli("config", "recipe.yaml", "--for", "nginx", "--name", "web", "-C", "elsewhere")
    assert f"ssl_certificate_key {cli.folder}/elsewhere/web.key;\n" in done.stdout
    assert done.stderr == (
        "there is no elsewhere/ yet: mtls-openssl apply recipe.yaml makes these files\n"
    )
    assert not os.path.lexists(cli.folder / "elsewhere")


def test_json_holds_each_block(cli: Cli, write: Write) -> None:
    write(HIERARCHY)
    done = cli("config", "recipe.yaml", "--prefix", "/etc/pki", "--format", "json")
    told = json.loads(done.stdout)
    assert (told["version"], told["command"], told["ok"]) == (1, "config", True)
    assert [(one["entity"], one["target"]) for one in told["configurations"]] == [
        ("web", "nginx"), ("web", "openldap"), ("alice", "curl"),
    ]  # fmt: skip
    assert "ssl_verify_client on;\n" in told["configurations"][0]["text"]
    assert done.stderr == ""


def test_a_name_that_there_is_not_is_refused(cli: Cli, write: Write) -> None:
    write(HIERARCHY)
    done = cli("config", "recipe.yaml", "--for", "nginx", "--name", "wbe", code=2)
    assert done.stderr == (
        "error: --name: there is no 'wbe' in the recipe\n  help: did you mean 'web'?\n"
    )
    assert done.stdout == ""
