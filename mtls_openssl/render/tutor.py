"""What the tutor says: goals, hints, verdicts and the way so far, for a terminal."""

import textwrap
from collections.abc import Iterable, Iterator

from mtls_openssl import learn
from mtls_openssl.errors import Failure, Fault
from mtls_openssl.glossary import Glossary
from mtls_openssl.learn import Goal, News, Progress
from mtls_openssl.plan import Plan
from mtls_openssl.render.lesson import words
from mtls_openssl.render.script import command, wanted
from mtls_openssl.render.text import plural, visible

WIDTH = 80
COMMANDS = {
    "hint": "a word of help; the second time the command with holes, the third time all of it",
    "why": "what the step is good for",
    "show": "all goals, and which are met",
    "check": "look at all files again",
    "skip": "go on to the next goal",
    "quit": "leave; what is met is kept (^D too)",
}
"""What a learner may type besides commands."""


def welcome(plan: Plan, shown: str, goals: tuple[Goal, ...], progress: Progress) -> str:
    """Greet the learner, or welcome back."""
    done = len(progress.met)
    head = f"{plan.workflow.title}, with {plan.version}: {plural(len(goals), 'goal')}"
    parts = [f"{head}, {done} met so far." if done else f"{head}."]
    parts.append(
        f"Type the commands; they run in {shown} without a shell, and new files are yours only"
        " (umask 077). openssl, cat A B > C, chmod and ls are there. Any command that makes the"
        f" right file is right. {', '.join(COMMANDS)} help on."
    )
    return _paragraphs(parts)


def goal(item: Goal) -> str:
    """State a goal, and show the files that the tutor wrote for it."""
    step = item.step
    owner = f"{step.entity}: " if step.entity else ""
    lines = _wrapped(f"{step.number} {owner}{step.title}", "")
    lines += _wrapped(f"{learn.aim(item)}.", "    ")
    if item.reason:
        lines += _wrapped(item.reason, "    ")
    for file in item.given:
        lines.append(f"    {file.path} is written for you:")
        lines += [f"    | {line}" for line in file.text.splitlines()]
    return visible("\n".join(["", *lines])) + "\n"


def hint(item: Goal, number: int, glossary: Glossary) -> str:
    """Give the first, second or third hint."""
    [explanation] = glossary.explain(item.step.argv)
    if number == 1:
        name = " ".join(explanation.head)
        return _paragraphs([f"{item.step.explain}", f"{name} {explanation.command.summary}."])
    if number == 2:
        return visible(f"    {' '.join(learn.with_holes(explanation))}\n")
    asks = [f"It asks for {'; then for '.join(map(wanted, item.step.answers))}."]
    told = _paragraphs(asks if item.step.answers else [])
    return visible(f"    {command(item.step.argv)}\n") + told


def why(item: Goal, glossary: Glossary) -> str:
    """Say what the step is good for, and what its files are for."""
    kinds = {artifact.path: artifact.kind for artifact in item.artifacts}
    files = [
        f"{path}: {about}"
        for path, kind in kinds.items()
        if (about := glossary.file(kind, item.step.section))
    ]
    return _paragraphs([item.step.explain, *files])


def show(goals: Iterable[Goal], progress: Progress, now: Goal | None) -> str:
    """List the goals, and mark which are met, skipped, and the one that is next."""
    lines = []
    for item in goals:
        mark = "ok" if item.id in progress.met else "skipped" if item.id in progress.skipped else ""
        mark = "next" if item is now else mark
        owner = f"{item.step.entity}: " if item.step.entity else ""
        lines.append(f"{mark:8}{item.step.number} {owner}{item.step.title}")
    return visible("\n".join(lines)) + "\n"


def news(item: News, typed: tuple[str, ...] = ()) -> str:
    """Tell what a command came to: a goal that is met, or what was expected instead."""
    step = item.goal.step
    name = f"{step.number} {step.title}"
    if item.kind == "met":
        held = f", {plural(len(item.verdicts), 'check')} held" if item.verdicts else ""
        return visible("\n".join([f"ok  {name}{held}", *_document(item.goal, typed)])) + "\n"
    head = "is not right yet" if item.kind == "wrong" else "no longer holds"
    lines = [f"--  {name} {head}"]
    for verdict in item.failures:
        lines += _wrapped(f"{verdict.path}, {verdict.name}: {verdict.detail}", "    ")
    for why_not in dict.fromkeys(v.mended_by for v in item.failures if v.mended_by):
        lines += _wrapped(why_not, "    ")
    return visible("\n".join(lines)) + "\n"


def _document(item: Goal, typed: tuple[str, ...]) -> Iterator[str]:
    """Show the document's own command to whoever found another way."""
    if typed and typed != item.step.argv:
        yield f"    the document has: {command(item.step.argv)}"


def refusal(error: Fault | Failure) -> str:
    """Say why a line was not run, and what may be."""
    hint = f"; {error.hint}" if error.hint else ""
    return "\n".join(_wrapped(visible(f"not run: {error.message}{hint}"), "")) + "\n"


def failed(code: int) -> str:
    """Say that a command did not end well."""
    return f"(it ended with exit code {code})\n" if code > 0 else "(it was broken off)\n"


def helped() -> str:
    """List what may be typed besides commands."""
    return "".join(f"{name:8}{means}\n" for name, means in COMMANDS.items())


def finished(goals: tuple[Goal, ...], progress: Progress, recipe: str) -> str:
    """Say how far it went."""
    left = [item.step.number for item in goals if item.id not in progress.met]
    if not left:
        return f"\nAll {plural(len(goals), 'goal')} are met.\n"
    again = f"mtls-openssl learn {recipe} goes on from here"
    return visible(f"\n{len(progress.met)} of {plural(len(goals), 'goal')} met; {again}.\n")


def option_words(argv: tuple[str, ...], glossary: Glossary) -> str:
    """Explain a command's words, below a hint that shows it whole."""
    [explanation] = glossary.explain(argv)
    return visible("\n".join(words(explanation, WIDTH))) + "\n"


def _paragraphs(texts: Iterable[str]) -> str:
    lines = [line for text in texts if text for line in _wrapped(text, "")]
    return visible("\n".join(lines)) + "\n" if lines else ""


def _wrapped(text: str, margin: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH - 1, initial_indent=margin, subsequent_indent=margin,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
