"""Workflow files: the bundled tutorials, a teacher's own, and every way to get one wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mtls_openssl import plan, recipe, version, workflow
from mtls_openssl.workflow import StepTemplate, Workflow
from tests.planning import (
    DATA,
    OPENSSL_3,
    attempted,
    commands,
    planned,
    recipe_of,
    refusal,
    script_of,
    told,
    workflow_of,
)

Write = Callable[..., Path]

MINE = """\
title: My tutorial
defaults: {root: {key: "rsa:2048"}}
layout:
  root: {key: "{name}.key", certificate: "{name}.pem"}
steps:
  root:
    - title: Generate the key
      id: key
      run: openssl genrsa [passphrase? -aes256] -out {key} {bits}
      asks: [passphrase]
    - title: Say what it is
      to: "{name}.txt"
      write: |
        name = {name}
errata:
  - step: root.key
    openssl: ">=3.2"
    add: -quiet
    why: It talks too much.
"""
"""A small workflow in which everything is right."""

RECIPE = """\
workflow: mine.yaml
authorities:
  ca:
"""


def faults(before: str, after: str) -> list[str]:
    """What is said of the small workflow with one thing changed in it."""
    assert MINE.count(before) == 1
    return told(refusal(workflow_of, MINE.replace(before, after)))


ADDED = {"database", "ca-config", "crl-number", "crl", "crl-der", "crls"}
"""The steps that every workflow has for revocation, beside its document's."""


def own(made: Workflow) -> list[StepTemplate]:
    """The steps that a workflow's own file has."""
    return [step for part in made.steps.values() for step in part if step.id not in ADDED]


def test_the_small_workflow_is_right() -> None:
    """Every fault below is the one change that makes it."""
    made = workflow_of(MINE)
    assert (made.name, made.title, made.strict) == ("mine", "My tutorial", False)
    assert [step.id for step in own(made)] == ["key", "say-what-it-is"]


def test_the_two_tutorials_are_bundled() -> None:
    found = workflow.bundled()
    assert {"mutual-tls", "encrypted-ca"} <= set(found)
    loaded = {name: workflow.load(path, name, name) for name, path in found.items()}
    for name in ("mutual-tls", "encrypted-ca"):
        assert not loaded[name].strict
        assert list(loaded[name].steps) == ["root", "server", "client", "existing", "recipe"]
        for steps in loaded[name].steps.values():
            assert all(step.explain for step in steps)


def test_the_tutorials_steps_are_numbered_as_in_the_document() -> None:
    path = workflow.bundled()["mutual-tls"]
    steps = own(workflow.load(path, "mutual-tls", "mutual-tls"))
    numbers = [(step.number, step.id) for step in steps]
    assert numbers == [
        ("1.1", "key"), ("1.2", "request"), ("1.3", "certificate"),
        ("2.1", "key"), ("2.2", "request"), ("2.3", "certificate"),
        ("3.1", "key"), ("3.2", "request"), ("3.3", "certificate"),
        ("3.4", "combined"), ("3.5", "pkcs12"),
    ]  # fmt: skip


def test_the_first_tutorials_erratum_says_for_whom_and_why() -> None:
    [erratum] = workflow.load(workflow.bundled()["mutual-tls"], "", "").errata
    assert (erratum.section, erratum.step) == ("root", "certificate")
    assert str(erratum.openssl) == ">= 3.2"
    assert "error 79, invalid CA certificate" in erratum.why
    assert "\n" not in erratum.why


def test_numbers_and_ids_follow_from_place_and_title() -> None:
    text = MINE.replace("      id: key\n", "").split("errata:")[0]
    text = text.replace("title: Say what it is", "title: Say\n      number: A.7")
    text += "  server:\n    - {title: Look at it!, run: openssl x509 -noout -in x}\n"
    steps = own(workflow_of(text))
    assert [(step.number, step.id) for step in steps] == [
        ("1.1", "generate-the-key"), ("A.7", "say"), ("2.1", "look-at-it"),
    ]  # fmt: skip


def test_authority_stands_for_root_and_issuing() -> None:
    """In layout and defaults; what a section says itself wins."""
    text = """\
title: T
defaults:
  authority: {key: "rsa:4096", days: 900}
  issuing: {days: 300}
layout:
  authority: {key: "{name}.key", certificate: "{name}.pem"}
  issuing: {chain: "{name}.chain", key: "below/{name}.key"}
steps:
  root: [{title: Key, run: "openssl genrsa -out {key} {bits}"}]
  issuing: [{title: Key, run: "openssl genrsa -out {key} {bits}"}]
"""
    made = workflow_of(text)
    written = {"key", "certificate", "chain"}
    kinds = {name: sorted(written & made.layout[name].keys()) for name in ("root", "issuing")}
    assert kinds == {
        "root": ["certificate", "key"],
        "issuing": ["certificate", "chain", "key"],
    }
    authorities = "authorities:\n  ca:\n  below: {issuer: ca}\n"
    result = plan.build(
        recipe_of(f"workflow: mine.yaml\n{authorities}"), made, version.parse(OPENSSL_3)
    )
    assert commands(result) == [
        "mkdir -p below",
        "openssl genrsa -out ca.key 4096",
        "openssl genrsa -out below/below.key 4096",
    ]
    assert [member.options.days for member in result.members] == [900, 300]


def test_a_recipe_names_a_workflow_file_beside_it(write: Write, tmp_path: Path) -> None:
    write(MINE, "lessons/mine.yaml")
    write("workflow: ./mine.yaml\nauthorities: {ca: }\n", "lessons/recipe.yaml")
    read = recipe.load(tmp_path / "lessons" / "recipe.yaml")
    found = workflow.find(read, tmp_path / "lessons")
    assert (found.name, found.title) == ("mine", "My tutorial")


def test_a_fault_of_a_workflow_file_is_told_with_the_files_own_name(
    write: Write, tmp_path: Path
) -> None:
    write(MINE.replace("{bits}", "{bitz}"), "mine.yaml")
    read = recipe_of(RECIPE)
    [problem] = refusal(lambda: workflow.find(read, tmp_path))
    assert problem.file == str(tmp_path / "mine.yaml")
    assert problem.line == 9


def test_a_workflow_that_is_not_there_is_told_at_the_recipes_line(tmp_path: Path) -> None:
    [problem] = refusal(lambda: workflow.find(recipe_of(RECIPE), tmp_path))
    assert (problem.file, problem.line, problem.column) == ("recipe.yaml", 1, 11)
    assert problem.message == "there is no workflow file 'mine.yaml'"
    assert problem.hint == (
        f"looked for {tmp_path / 'mine.yaml'}; a workflow's path is relative to the recipe"
    )


def test_a_misspelt_workflow_gets_a_suggestion(tmp_path: Path) -> None:
    read = recipe_of(RECIPE.replace("mine.yaml", "mutual-tsl"))
    assert told(refusal(lambda: workflow.find(read, tmp_path))) == [
        (
            "1, mutual-tsl: there is no workflow 'mutual-tsl' | "
            "did you mean 'mutual-tls'?; or write the path of a file, ending in .yaml"
        )
    ]


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("-out {key}", "-out {kye}",
         "9, {kye}: unknown placeholder {kye} | did you mean 'key'?"),
        ("-out {key}", "-out {passphrase}",
         ("9, {passphrase}: unknown placeholder {passphrase} | "
         "passphrase can only be asked for, as in [passphrase? words]")),
        ("[passphrase?", "[passfrase?",
         "9, passfrase?: unknown test [passfrase? …] | did you mean 'passphrase'?"),
        ("name = {name}", "name = {nam}",
         "14, {nam}: unknown placeholder {nam} | did you mean 'name'?"),
        ('to: "{name}.txt"', 'to: "{nam}.txt"',
         "12, {nam}: unknown placeholder {nam} | did you mean 'name'?"),
        ("add: -quiet", "add: -quiet {dayz}",
         "18, {dayz}: unknown placeholder {dayz} | did you mean 'days'?"),
        ("asks: [passphrase]", "asks: [pasphrase]",
         "10, pasphrase: nothing answers 'pasphrase' | did you mean 'passphrase'?"),
        ("asks: [passphrase]", "reads: ['{serials}']",
         "10, {serials}: unknown placeholder {serials} | did you mean 'serial'?"),
        ("asks: [passphrase]", "writes: ['{serials}']",
         "10, {serials}: unknown placeholder {serials} | did you mean 'serial'?"),
        ('certificate: "{name}.pem"', 'certificate: "{nam}.pem"',
         "4, {nam}: unknown placeholder {nam} | did you mean 'name'?"),
    ],
)  # fmt: skip
def test_what_nobody_knows_is_told_where_it_stands(before: str, after: str, fault: str) -> None:
    assert faults(before, after) == [fault]


def test_every_fault_of_a_command_is_told_at_once() -> None:
    assert faults("-out {key} {bits}", "-out {kye} {bitz}") == [
        "9, {kye}: unknown placeholder {kye} | did you mean 'key'?",
        "9, {bitz}: unknown placeholder {bitz} | did you mean 'bits'?",
    ]


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('  root: {key: "{name}.key"', '  roof: {}\n  root: {key: "{name}.key"',
         "4, roof: there is no section 'roof' | did you mean 'root'?"),
        ("errata:", "  sever:\n    - {title: T, run: openssl version -a}\nerrata:",
         "15, sever: there is no section 'sever' | did you mean 'server'?"),
        ("{root: {key:", "{recipe: {days: 3}, root: {key:",
         ("2, recipe: there is no section 'recipe' | "
         "known here: authority, client, existing, issuing, root, server")),
        ("title: My tutorial", "titel: My\ntitle: My tutorial",
         "1, titel: unknown key 'titel' | did you mean 'title'?"),
        ("- title: Generate the key", "- titel: My\n      title: Generate the key",
         "7, titel: unknown key 'titel' | did you mean 'title'?"),
        ("    why: It talks", "    wy: x\n    why: It talks",
         "19, wy: unknown key 'wy' | did you mean 'why'?"),
        ('{key: "rsa:2048"}', '{kee: "rsa:2048"}',
         "2, kee: unknown key 'kee' | did you mean 'key'?"),
    ],
)  # fmt: skip
def test_unknown_sections_and_keys_get_a_suggestion(before: str, after: str, fault: str) -> None:
    assert faults(before, after) == [fault]


EITHER = "a step has either run:, or write: and to:"


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ('to: "{name}.txt"', 'run: openssl version -a\n      to: "{name}.txt"', 11),
        ('      to: "{name}.txt"\n', "", 11),
        ("      write: |\n        name = {name}\n", "", 11),
        ("      run: openssl genrsa [passphrase? -aes256] -out {key} {bits}\n", "", 7),
    ],
    ids=["run and write", "write without to", "to without write", "nothing"],
)
def test_a_step_runs_or_writes(before: str, after: str, line: int) -> None:
    assert faults(before, after) == [f"{line}, t: {EITHER}"]


def test_two_steps_of_one_name_are_both_shown() -> None:
    assert faults("title: Say what it is", "title: Key") == [
        "7, t: two steps here are called 'key' | give them an id:",
        "11, t: two steps here are called 'key' | give them an id:",
    ]


def test_a_title_of_signs_alone_makes_no_id() -> None:
    """A step's id names it in the journal and in JSON: `ca.` would name nothing."""
    [fault] = faults("title: Say what it is", 'title: "???"')
    assert fault.startswith("11, ")


def test_a_step_of_ones_own_called_folders_is_not_taken_for_the_programs() -> None:
    """What makes the folders is a step too: ids stay unique."""
    flow = MINE.replace('"{name}.pem"', '"sub/{name}.pem"').replace(
        '"{name}.txt"', '"{certificate}"'
    )
    flow = flow.replace("errata:", "  recipe: [{title: Folders, run: mkdir -p other}]\nerrata:")
    ids = [step.id for step in planned(RECIPE, flow).steps]
    assert len(ids) == 4
    assert len(set(ids)) == 4


OTHER = "it runs openssl …, cat … > …, chmod MODE FILE, and mkdir -p DIR"
SHELL = "would need a shell | one plain command a step"
COMMAND = "openssl genrsa [passphrase? -aes256] -out {key} {bits}"


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ("rm -rf {key}", f"rm -rf {{key}}: a workflow does not run 'rm -rf' | {OTHER}"),
        ("'[passphrase? sudo] openssl genrsa'",
         f"'[passphrase? sudo] openssl genrsa': a workflow does not run 'sudo openssl' | {OTHER}"),
        ("chmod {bits} {key} {key} > x",
         "chmod {bits} {key} {key} > x: a workflow does not run 'chmod 400' | " + OTHER),
        ("cat {key}", "cat {key}: cat without > makes nothing | write cat A B > C"),
        ("openssl rand 4 | tee {key}", f"|: '|' {SHELL}"),
        ("openssl rand 4 >> {key} > x", f">>: '>>' {SHELL}"),
        ("openssl genrsa -out {key} {bits", ("{bits: a { stands alone | "
         "write {{ for the character itself")),
        ("openssl genrsa -out {key} bits}", ("}: a } stands alone | "
         "write }} for the character itself")),
        ("openssl genrsa [-out {key}",
         "[-out {key}: a [ opens a group that nothing closes | add ]"),
        ("openssl genrsa -out {key}] x", ("] x: a ] closes no group | "
         "write ]] for the character itself")),
        ("openssl genrsa [-aes256]",
         ("[-aes256]: an optional group needs a placeholder, or a test | "
         "write [name? words]; [[ for the character itself")),
        ("openssl genrsa -out {key} {2048}", ("{2048}: {2048} is no placeholder | "
         "write a name, as in {key}")),
    ],
)  # fmt: skip
def test_a_command_that_cannot_be_is_told_with_what_is_meant(command: str, fault: str) -> None:
    assert faults(COMMAND, command) == [f"9, {fault}"]


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("openssl rand 4 >{key}", ">{key}"),
        ("openssl rand 4 >>{key}", ">>{key}"),
        ("openssl genrsa -out {key} 2>errors", "2>errors"),
        ("openssl genrsa -out {key}; openssl version", "{key};"),
        ("openssl genrsa -out {key} `bits`", "`bits`"),
    ],
)
def test_a_shells_signs_are_refused_without_spaces_around_them_too(command: str, word: str) -> None:
    """Without a shell they would be letters of a file's name, which nobody meant."""
    assert faults(COMMAND, command) == [f"9, {word}: {word!r} {SHELL}"]


@pytest.mark.parametrize("written", ["--out {name}.k", "-out={name}.k", "--out={name}.k"])
def test_a_file_is_seen_however_its_option_is_spelt(written: str) -> None:
    """openssl takes all of these for -out; what a step writes must not escape the plan."""
    flow = MINE.replace("-out {key}", written)
    made = attempted(RECIPE, flow)
    assert made is None or made.step("ca.key").writes == ("ca.k",)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("step: root.key", "step: root.certificate",
         ("16, root.certificate: there is no step 'root.certificate' | "
         "known here: root.key, root.say-what-it-is")),
        ("step: root.key", "step: root.kee",
         "16, root.kee: there is no step 'root.kee' | did you mean 'root.key'?"),
        ("step: root.key", "step: key",
         "16, key: 'key' is no step | write SECTION.ID, as in root.certificate"),
        ('openssl: ">=3.2"', 'openssl: "3.2 and later"',
         "17, \"3.2 and later\": '3.2 and later' names no versions | write openssl: \">=3.2\""),
        ('openssl: ">=3.2"', "openssl: 3.2",
         "17, 3.2: '3.2' names no versions | write openssl: \">=3.2\""),
        ("add: -quiet", "write: x", "16, s: write: and to: go together"),
        ("add: -quiet", 'to: "{name}.ext"', "16, s: write: and to: go together"),
        ("    why: It talks too much.\n", "", "16, s: why: is missing | add it"),
    ],
)  # fmt: skip
def test_an_erratum_that_cannot_be_is_told(before: str, after: str, fault: str) -> None:
    assert faults(before, after) == [fault]


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("title: My tutorial\n", "", "1, d: title: is missing | add it"),
        ("- title: Generate the key\n      id: key", "- id: key",
         "7, i: title: is missing | add it"),
        ("id: key", "id: The Key",
         "8, The Key: 'The Key' is no id | use small letters, digits and -"),
        ("run: openssl genrsa [passphrase? -aes256] -out {key} {bits}", "run: {openssl: genrsa}",
         "9, {: a template is one text | write it on one line, quoted"),
        ("run: openssl genrsa [passphrase? -aes256] -out {key} {bits}", "run: [openssl, genrsa]",
         "9, [: a template is one text | write it on one line, quoted"),
        ("write: |\n        name = {name}", "write: [name]",
         "13, [: a file's text is one text | write it as a block after |"),
        ('key: "rsa:2048"', "days: 0",
         "2, 0: 0 is no number of days | write a whole number, 1 to 36500"),
        ("steps:\n  root:", "steps:\n  server: x\n  root:",
         "6, x: server: takes a list here"),
        ("asks: [passphrase]", "asks: passphrase",
         "10, passphrase: asks: takes a list here"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_told(before: str, after: str, fault: str) -> None:
    assert faults(before, after) == [fault]


def test_a_wrong_section_is_told_without_all_that_follows_from_it() -> None:
    """Its placeholders are unknown, and the erratum's step missing, only because it is."""
    assert faults("steps:\n  root:", "steps:\n  roof:") == [
        "6, roof: there is no section 'roof' | did you mean 'root'?"
    ]


def test_a_hint_is_short_enough_to_be_read() -> None:
    """Where nothing resembles the word, not all ninety placeholders are listed."""
    [fault] = faults("-out {key}", "-out {zzz}")
    assert len(fault) < 400


SKETCH_RECIPE = """\
workflow: modern.sketch.yaml
defaults:
  key: ec:P-256
  subject: {O: Example}
authorities:
  root: {days: 3650, passphrase: {env: ROOT}, subject: {CN: Example Root}}
  issuing:
    issuer: root
    days: 1825
    path_length: 0
    name_constraints: {permitted: [DNS:example.com, DNS:localhost, IP:127.0.0.0/8]}
servers:
  api.example.com: {names: [api.example.com, localhost, 127.0.0.1]}
clients:
  alice:
    names: [alice@example.com]
    pkcs12: {password: {env: EXPORT}, compatibility: legacy}
"""

SKETCH_SCRIPT = """\
# 1.1 root: Generate the key
# asks for the pass phrase of root.key, twice
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -out root.key

# 1.2 root: Request a certificate
# asks for the pass phrase of root.key
openssl req -new -utf8 -key root.key -subj '/O=Example/CN=Example Root' -out root.csr

# 1.3 root: Say what the CA may do
cat > root.ext <<'EOF'
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
EOF

# 1.4 root: Sign it with its own key
# asks for the pass phrase of root.key
openssl x509 -req -in root.csr -signkey root.key -days 3650 -extfile root.ext -out root.pem

# 2.1 issuing: Generate the key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out issuing.key

# 2.2 issuing: Request a certificate
openssl req -new -utf8 -key issuing.key -subj /O=Example/CN=issuing -out issuing.csr

# 2.3 issuing: Say what the CA may do
cat > issuing.ext <<'EOF'
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
nameConstraints = critical,permitted;DNS:example.com,permitted;DNS:localhost,\
permitted;IP:127.0.0.0/255.0.0.0
EOF

# 2.4 issuing: The issuer signs
# asks for the pass phrase of root.key
openssl x509 -req -in issuing.csr -CA root.pem -CAkey root.key -days 1825 -extfile issuing.ext \
-out issuing.pem

# 2.5 issuing: The certificate, then its issuing CAs
cat issuing.pem > issuing.chain.pem

# 3.1 api.example.com: Generate the key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out api.example.com.key

# 3.2 api.example.com: Request a certificate
openssl req -new -utf8 -key api.example.com.key -subj /O=Example/CN=api.example.com \
-out api.example.com.csr

# 3.3 api.example.com: Say what it is for
cat > api.example.com.ext <<'EOF'
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:api.example.com,DNS:localhost,IP:127.0.0.1
EOF

# 3.4 api.example.com: The issuer signs
openssl x509 -req -in api.example.com.csr -CA issuing.pem -CAkey issuing.key -days 365 \
-extfile api.example.com.ext -out api.example.com.pem

# 3.5 api.example.com: The certificate, then its issuing CAs
cat api.example.com.pem issuing.chain.pem > api.example.com.chain.pem

# 4.1 alice: Generate the key
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out alice.key

# 4.2 alice: Request a certificate
openssl req -new -utf8 -key alice.key -subj /O=Example/CN=alice -out alice.csr

# 4.3 alice: Say what it is for
cat > alice.ext <<'EOF'
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = email:alice@example.com
EOF

# 4.4 alice: The issuer signs
openssl x509 -req -in alice.csr -CA issuing.pem -CAkey issuing.key -days 365 \
-extfile alice.ext -out alice.pem

# 4.5 alice: The certificate, then its issuing CAs
cat alice.pem issuing.chain.pem > alice.chain.pem

# 4.6 alice: Bundle for import
# asks for the export password of alice.p12, twice
openssl pkcs12 -export -in alice.pem -inkey alice.key -certfile issuing.chain.pem -name alice \
-keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -out alice.p12

# 5.1 Every CA that a peer may trust
cat root.pem issuing.pem > trust.pem
"""


def test_the_sketch_of_the_modern_workflow_is_a_users_file() -> None:
    """An issuing CA, names, constraints, a chain, a bundle, and what is made once for all."""
    read = recipe_of(SKETCH_RECIPE)
    flow = workflow.find(read, DATA)
    made = plan.build(read, flow, version.parse(OPENSSL_3))
    lines = script_of(made)
    body = lines.partition("{\n")[2].removesuffix("} </dev/tty\n")
    assert body == SKETCH_SCRIPT.replace("\\\n", "")


def test_the_sketch_signs_a_leaf_only_when_its_issuer_stands() -> None:
    read = recipe_of(SKETCH_RECIPE)
    made = plan.build(read, workflow.find(read, DATA), version.parse(OPENSSL_3))
    assert made.step("alice.the-issuer-signs").needs == (
        "alice.request-a-certificate",
        "issuing.the-issuer-signs",
        "issuing.generate-the-key",
        "alice.say-what-it-is-for",
    )
    assert made.step("alice.generate-the-key").needs == ()
    last = made.step("recipe.every-ca-that-a-peer-may-trust")
    assert last.needs == ("root.sign-it-with-its-own-key", "issuing.the-issuer-signs")
    [leaf] = made.step("alice.the-issuer-signs").artifacts
    assert (leaf.trust, leaf.untrusted, leaf.purpose) == ("root.pem", ("issuing.pem",), "sslclient")
