"""Who would refuse which certificate, in whose words, and what in the recipe would mend it. Pure.

A target judges as a client what a server shows: its certificate and the authorities above it. Where
it is a server too, it judges what clients show in the same way. That a certificate has expired, or
that its chain is broken, is for `checks` to say: every program refuses those.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mtls_openssl.certificate import Certificate
from mtls_openssl.checks import Verdict
from mtls_openssl.errors import BadInput
from mtls_openssl.member import Member
from mtls_openssl.source import suggestion
from mtls_openssl.target_rules import CLIENT, ISSUING, ROOT, RULES, SERVER, TARGETS, Rule, Target
from mtls_openssl.workflow import Workflow


def named(words: Iterable[str]) -> tuple[Target, ...]:
    """Give the targets of `--target go,java --target node`, each once; raises BadInput."""
    names = dict.fromkeys(name.strip() for word in words for name in word.split(","))
    for name in names:
        if name not in TARGETS:
            hint = suggestion(name, TARGETS)
            raise BadInput((), f"--target: there is no target {name!r}", hint)
    return tuple(TARGETS[name] for name in names)


def place(member: Member) -> str:
    """Tell where in a chain a member's certificate stands: root, issuing, server or client."""
    if member.entity.path[0] == "authorities":
        return ISSUING if member.issuer else ROOT
    return SERVER if member.entity.path[0] == "servers" else CLIENT


def judged(members: Sequence[Member], target: Target) -> Iterator[Member]:
    """Give the members whose certificates a target comes to see, in their order."""
    seen: set[str] = set()
    for member in members:
        if place(member) == SERVER or (place(member) == CLIENT and target.serves):
            seen |= {member.name, *(above.name for above in member.above())}
    yield from (member for member in members if member.name in seen)


def verdicts(
    members: Sequence[Member],
    workflow: Workflow,
    certificates: Mapping[str, Certificate],
    targets: Iterable[Target],
) -> Iterator[Verdict]:
    """Judge every certificate that was read, by its path, for every target that would see it.

    What is refused has a verdict for each reason; what is accepted has one.
    """
    for target in targets:
        for member in judged(members, target):
            path = member.files["certificate"]
            if certificate := certificates.get(path):
                reasons = tuple(refusals(certificate, place(member), target))
                for rule in reasons:
                    mend = _mend(rule, member, workflow)
                    detail = f"{rule.says[target.name]}; mend: {mend}"
                    yield Verdict(f"target {target.name}", path, False, detail)
                if not reasons:
                    yield Verdict(f"target {target.name}", path, True, f"as {target.measured}")


def refusals(certificate: Certificate, where: str, target: Target) -> Iterator[Rule]:
    """Give every rule by which a target refuses a certificate in a place of the chain."""
    for rule in RULES:
        if where in rule.of and target.name in rule.says and rule.when(certificate):
            yield rule


def _mend(rule: Rule, member: Member, workflow: Workflow) -> str:
    """Say what in the recipe would mend it."""
    section, group = member.entity.section, member.entity.path[0]
    where = f"under {group}: {member.name}"
    if member.entity.existing:
        return f"{member.name} is made elsewhere: have another made there, or choose another issuer"
    match rule.mend:
        case "key" if member.entity.request:
            return f"a request of another key {where}, such as ec:P-256"
        case "names":
            names = f"names: [{dict(member.subject)['CN']}] {where}"
            return (
                names if _takes(workflow, section, "names") else f"workflow: modern, with {names}"
            )
        case "key":
            kind = "ec:P-256" if _takes(workflow, section, "algorithm") else "rsa:2048"
            return f"key: {kind} {where}, and --rekey {member.name}"
        case "digest" if _takes(workflow, section, "digest"):
            return f"digest: sha256 {where}"
        case "erratum" if any(erratum.section == section for erratum in workflow.errata):
            return (
                f"workflow: modern; or apply --replace {member.name} without --verbatim,"
                " by OpenSSL 3.2 or later"
            )
    return "workflow: modern"


def _takes(workflow: Workflow, section: str, slot: str) -> bool:
    """Whether a workflow's steps make anything of an option."""
    return any(slot in step.names() for step in workflow.steps.get(section, ()))
