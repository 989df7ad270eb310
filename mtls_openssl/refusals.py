"""What an apply does not do unasked: replace a key, outdate an authority, use a serial twice.

Nor does it forget whom an authority has revoked.
"""

from collections.abc import Iterator, Sequence

from mtls_openssl import revocation
from mtls_openssl.currency import Decision, Wishes
from mtls_openssl.errors import Fault, Refused
from mtls_openssl.journal import Journal
from mtls_openssl.member import Member
from mtls_openssl.plan import Plan
from mtls_openssl.recipe import AUTHORITIES
from mtls_openssl.worker import REPLACED, Worker


def refuse(worker: Worker, wishes: Wishes, decisions: Sequence[Decision]) -> None:
    """Refuse what would replace a key, outdate an authority or issue a serial number twice."""
    wanted = wishes.intents(worker.plan) | worker.journal.intents
    faults = [fault for _, fault in forgotten(worker.plan, worker.journal)]
    for decision in decisions:
        if not decision.runs:
            continue
        if decision.kind not in ("asked", "interrupted"):
            faults += _key_fault(worker, decision)
            faults += _authority_fault(worker, decision, wanted)
        faults += _serial_fault(worker, decision)
    if faults:
        raise Refused(
            "; ".join(dict.fromkeys(fault.message for fault in faults)),
            "; ".join(dict.fromkeys(fault.hint for fault in faults)),
        )


def _key_fault(worker: Worker, decision: Decision) -> Iterator[Fault]:
    step = decision.step
    for path in step.keys:
        if (worker.directory / path).exists():
            reports = () if worker.shut(step) else worker.verifier.look_at(step.artifacts)
            failures = [failure for report in reports for failure in report.failures]
            wrong = "; ".join(f"{f.name}: {f.detail}" for f in failures) or decision.reason
            yield Fault(
                f"{path} is not the key that the recipe asks for: {wrong}",
                f"mend the recipe, or make a new key by --rekey {step.entity}"
                f" (the old one is kept in {REPLACED})",
            )


def _authority_fault(
    worker: Worker, decision: Decision, wanted: frozenset[tuple[str, str]]
) -> Iterator[Fault]:
    step = decision.step
    certificates = [a.path for a in step.artifacts if a.kind == "certificate"]
    known = step.id in worker.journal.done
    known = known or any((worker.directory / path).exists() for path in certificates)
    allowed = ("replace", step.entity) in wanted
    if certificates and step.section in AUTHORITIES and known and not allowed:
        yield Fault(
            f"the authority {step.entity} would be issued anew ({decision.reason}),"
            " which outdates everything under it",
            f"if that is meant: --replace {step.entity}",
        )


def forgotten(plan: Plan, journal: Journal) -> Iterator[tuple[Member, Fault]]:
    """Give each authority whose database lacks someone whom a list once named, and what to do."""
    authorities = {m.name: m for m in plan.members if m.entity.section in AUTHORITIES}
    planned = {step.id: step.identity for step in plan.steps if step.entity in authorities}
    for identifier, record in journal.done.items():
        name = identifier.rpartition(".")[0]
        if name not in authorities:
            continue
        before = [word for word in record.identity if word.startswith("revoked ")]
        if lost := [word for word in before if word not in planned.get(identifier, ())]:
            database = revocation.database_of(authorities[name].entity)
            message = f"{database} has lost whom {next(iter(record.outputs))} names"
            hint = f"bring back {database} from a copy: who was revoked stays so"
            yield authorities[name], Fault(f"{message}: {', '.join(lost)}", hint)


def _serial_fault(worker: Worker, decision: Decision) -> Iterator[Fault]:
    """Refuse a serial number, fixed in the recipe, that its issuer has used."""
    issuer = worker.issuer(decision.step)
    for artifact in decision.step.artifacts:
        serial = next((e.expected for e in artifact.expectations if e.name == "serial"), None)
        if serial and (issuer, serial) in worker.journal.issued:
            free = int(serial) + 1
            while (issuer, str(free)) in worker.journal.issued:
                free += 1
            yield Fault(
                f"{issuer} has issued serial {serial} already, and {artifact.path} is to be made"
                f" again ({decision.reason})",
                f"give {decision.step.entity} another one: serial: {free}",
            )
