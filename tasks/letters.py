"""Letters: what a mail to a person says. What to do, by when, what happens otherwise, and the link to it."""

from typing import Self

from rules.order import Frozen
from rules.people import Person
from tasks.casefile import environment
from tasks.office import office


class Letter(Frozen):
    """One mail of one kind. `kind` is its business key: a procedure sends each kind once (I3).

    `todo` is the one sentence of what to do; `otherwise` what happens if nobody does. `from_person` is whose name
    and phone stand under it: the requester's, where there is one. `sentence`: the very words that an answer may begin
    with, to be copied; `other_sentences`: the ones to choose from besides. `answers_here`: an answer is evidence, so it
    goes to the shared mailbox and not to the person.
    """

    kind: str
    to: tuple[Person, ...]
    subject: str
    todo: str
    otherwise: str = ""
    by_when: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    paragraphs: tuple[str, ...] = ()
    link: str = ""
    link_text: str = "Open"
    cc: tuple[Person, ...] = ()
    from_person: Person | None = None
    sentence: str = ""
    other_sentences: tuple[str, ...] = ()
    answers_here: bool = False

    def again(self) -> Self:
        """The reminder, after the first patience."""
        return self.model_copy(update={"kind": f"{self.kind}-again", "subject": f"Reminder: {self.subject}"})

    def turned_to(self, person: Person, awaited: Person, run_link: str) -> Self:
        """The same request to whoever is turned to after the second patience, usually the senior colleague."""
        return self.model_copy(
            update={
                "kind": f"{self.kind}-turned",
                "to": (person,),
                "cc": (),
                "subject": f"Nobody has acted: {self.subject}",
                "todo": f"{awaited.name} was asked twice and has not acted: see to it that somebody does. "
                f"The request was: {self.todo}",
                "link": run_link,
                "link_text": "Open the run",
            }
        )

    def html(self, reference: str) -> str:
        """The mail's body."""
        return (
            environment()
            .get_template("letter.html.j2")
            .render(letter=self, reference=reference, msp=office().settings.msp_name)
        )
