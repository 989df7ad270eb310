"""A plan as the commands that a person would type, one a line: what `apply --dry-run` prints.

Piped to `bash -e` in an empty folder, it makes what `apply` makes. Where commands prompt, the body
stands in braces with the terminal as its input: otherwise they would read the script's own lines.
"""

import shlex
import textwrap
from collections.abc import Iterable, Iterator

from mtls_openssl.currency import Decision
from mtls_openssl.plan import Plan
from mtls_openssl.render.text import visible
from mtls_openssl.step import Answer, Step, WrittenFile
from mtls_openssl.subject import to_text
from mtls_openssl.template import split_redirect


def script(plan: Plan, decisions: Iterable[Decision]) -> str:
    """Give the script for those steps of a plan that are to run; of those undecided, a remark."""
    told = [decision for decision in decisions if decision.runs or decision.kind == "undecided"]
    due = [decision.step for decision in told if decision.runs]
    lines = [f"# {visible(plan.workflow.title)} ({plan.workflow.name}), for {plan.version}"]
    if not told:
        return "\n".join([*lines, "# nothing to do: every step is current"]) + "\n"
    lines += ["umask 077", "unset OPENSSL_CONF"] if due else []
    prompts = any(step.answers for step in due)
    body = [line for decision in told for line in ("", *_told(decision))]
    lines += ["", "{", *body[1:], "} </dev/tty"] if prompts else body
    return "\n".join(lines) + "\n"


def command(argv: tuple[str, ...]) -> str:
    """Give a command as one line for a shell, quoted only where it must be."""
    words, target, appends = split_redirect(argv)
    redirect = f" {'>>' if appends else '>'} {shlex.quote(target)}" if target else ""
    return shlex.join(words) + redirect


def _told(decision: Decision) -> Iterator[str]:
    step = decision.step
    owner = f"{step.entity}: " if step.entity else ""
    yield f"# {step.number} {owner}{visible(step.title)}".replace("#  ", "# ")
    yield from _step(step) if decision.runs else [f"# {visible(decision.reason)}"]


def _step(step: Step) -> Iterator[str]:
    if step.erratum and step.files:
        why = f"Erratum for OpenSSL {step.erratum.openssl}: {step.erratum.why}"
        yield from textwrap.wrap(visible(why), 98, initial_indent="# ", subsequent_indent="# ")
    for file in step.files:
        yield from here_document(file)
    yield from (f"# asks for {visible(wanted(answer))}" for answer in step.answers)
    if step.argv:
        yield command(step.argv)


def wanted(answer: Answer) -> str:
    """Tell what to type where a command asks; of a secret, only whose it is."""
    if answer.need:
        return f"{answer.need.purpose}{', twice' if answer.fresh else ''}"
    return f"the subject: {to_text(answer.subject)}; a dot for every other field"


def here_document(file: WrittenFile) -> Iterator[str]:
    """Give a file that the tool writes as a here-document, or, once only, where there is none."""
    lines = file.text.removesuffix("\n").split("\n") if file.text else []
    end = "EOF"
    while end in lines:
        end += "_"
    guard = f"test -e {shlex.quote(file.path)} || " if file.once else ""
    yield f"{guard}cat > {shlex.quote(file.path)} <<'{end}'"
    yield from lines
    yield end
