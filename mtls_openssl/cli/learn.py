"""`learn`: the tutor, who states a goal, lets the learner type, and judges what came of it."""

import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from mtls_openssl.cli.app import app
from mtls_openssl.cli.handshake import show
from mtls_openssl.cli.options import Directory, Format, Openssl, Recipe
from mtls_openssl.cli.output import Output, boundary
from mtls_openssl.errors import Interrupted

if TYPE_CHECKING:
    from mtls_openssl.glossary import Glossary
    from mtls_openssl.lab import Lab, Remembered
    from mtls_openssl.learn import Goal
    from mtls_openssl.session import Session

PROMPT = "$ "


@app.command()
def learn(recipe: Recipe, directory: Directory = None, openssl: Openssl = None) -> None:
    """Learn a recipe by typing its commands; the files that you make are judged."""
    with boundary("learn", Format.text) as output:
        from mtls_openssl import glossary, journal, lab, lock, process, secret
        from mtls_openssl.render import tutor
        from mtls_openssl.session import open_session

        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _leave)  # unlike ^C, they end the tutor
        session = open_session(recipe, directory, openssl)
        journal.prepare(session.directory)
        with lock.locked(session.directory) as descriptor:
            runner = process.Runner(session.binary, session.directory, descriptor)
            place = lab.Lab(session.plan, runner, lab.Remembered(secret.terminal()))
            news = place.open()
            known = glossary.load()
            output.say(tutor.welcome(session.plan, session.shown, place.goals, place.progress))
            output.say("".join(tutor.news(item) for item in news if item.kind == "lost"))
            Tutor(place, known, output).teach()
            output.say(tutor.finished(place.goals, place.progress, str(recipe)))
            if place.progress.met == {goal.id for goal in place.goals}:
                _prove(session, place.secrets, output)


def _leave(*_: object) -> NoReturn:
    raise Interrupted("interrupted", "learn again to go on from here")


def _prove(session: "Session", secrets: "Remembered", output: Output) -> None:
    """Let what the learner made meet, live, where there are two to meet."""
    from mtls_openssl import handshake

    sections = {member.entity.section for member in session.plan.members}
    if {"server", "client"} <= sections:
        proof = handshake.prove(session, jobs=os.cpu_count() or 1, secrets=secrets)
        show(proof, output)
        output.ok = proof.ok


class Tutor:
    """Talks with the learner at a terminal, or with a script at a pipe."""

    def __init__(self, lab: "Lab", glossary: "Glossary", output: Output) -> None:
        self.lab = lab
        self.glossary = glossary
        self.output = output
        self.stated: Goal | None = None

    def teach(self) -> None:
        """Go on until every goal is met or skipped, or the learner leaves."""
        _with_editing(self.lab)
        while goal := self.goal():
            try:
                if not self.take(self.read().strip(), goal):
                    return
            except KeyboardInterrupt:
                self.output.say("\n")  # ^C cancels the line, as in a shell
            except EOFError:
                self.output.say("\n")
                return

    def goal(self) -> "Goal | None":
        """Give the goal that is next, and state it where it is new."""
        from mtls_openssl import learn
        from mtls_openssl.render import tutor

        goal = learn.current(self.lab.goals, self.lab.progress)
        if goal and goal is not self.stated:
            self.output.say(tutor.goal(goal))
        self.stated = goal
        return goal

    def read(self) -> str:
        """Read a line, and those that a backslash joins to it; raises EOFError at the end."""
        line = _line(PROMPT)
        while line.endswith("\\"):
            line = line[:-1] + _line("> ")
        return line

    def take(self, line: str, goal: "Goal") -> bool:
        """Do what a line asks for; tells whether to go on."""
        asked = line.removeprefix(PROMPT).strip()
        if asked in ("quit", "exit"):
            return False
        if not self.answer(asked, goal) and asked and not asked.startswith("#"):
            self.run(asked)
        return True

    def answer(self, asked: str, goal: "Goal") -> bool:
        """Answer a question to the tutor; tells whether it was one."""
        from mtls_openssl.render import tutor

        match asked:
            case "hint":
                self.hint(goal)
            case "why":
                self.output.say(tutor.why(goal, self.glossary))
            case "show":
                self.output.say(tutor.show(self.lab.goals, self.lab.progress, goal))
            case "check":
                self.output.say("".join(map(tutor.news, self.lab.look(again=True))))
            case "skip":
                self.lab.skip()
            case "help" | "?":
                self.output.say(tutor.helped())
            case _:
                return False
        return True

    def hint(self, goal: "Goal") -> None:
        """Give the next hint; with the whole command, what its words mean."""
        from mtls_openssl.render import tutor

        number = self.lab.hint(goal)
        self.output.say(tutor.hint(goal, number, self.glossary))
        if number == 3:
            self.output.say(tutor.option_words(goal.step.argv, self.glossary))

    def run(self, line: str) -> None:
        """Run a command, and tell what came of it."""
        from mtls_openssl import typed
        from mtls_openssl.errors import Fault
        from mtls_openssl.render import tutor

        try:
            command = typed.read(line, self.glossary)
            code = self.lab.run(command)
        except Fault as fault:
            self.output.say(tutor.refusal(fault))
            return
        if code:
            self.output.say(tutor.failed(code))
        for item in self.lab.after(command, code):
            self.output.say(tutor.news(item, command.words))


def _line(prompt: str) -> str:
    """Read one line, with editing where a person types; from a pipe, show what was read."""
    if sys.stdin is not None and sys.stdin.isatty():
        return input(prompt)
    line = sys.stdin.readline() if sys.stdin is not None else ""
    if not line:
        raise EOFError
    sys.stderr.write(f"{prompt}{line}")
    return line.rstrip("\n")


def _with_editing(lab: "Lab") -> None:
    """Let the arrows edit and recall lines, and Tab complete the files of the lab."""
    with suppress(ImportError):  # a Python without readline still reads lines
        import readline

        def complete(text: str, number: int) -> str | None:
            found = sorted(
                str(path.relative_to(lab.directory)) + ("/" if path.is_dir() else " ")
                for path in lab.directory.rglob("*")
                if not path.relative_to(lab.directory).parts[0].startswith(".")
            )
            return ([name for name in found if name.startswith(text)] + [None])[number]

        readline.set_completer(complete)
        readline.set_completer_delims(" \t\n>")
        readline.parse_and_bind("tab: complete")
