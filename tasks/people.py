"""Our own people, as Autotask knows them."""

from rules.people import Person
from tasks.forms import AnswerAgain
from tasks.office import office


async def find_colleague(email: str) -> Person:
    """The active colleague with that mail address. Raises `AnswerAgain` for strangers and inactive ones (I7)."""
    resource = await office().autotask.resource_by_email(email.strip())
    if resource is None:
        raise AnswerAgain(f"'{email}' is not the mail address of one of our people in Autotask.")
    if not resource.active:
        raise AnswerAgain(f"{resource.name} ({email}) is not active in Autotask.")
    return Person(name=resource.name, email=resource.email, phone=resource.phone)


async def colleague(email: str) -> Person:
    """One of ours by mail address; an address that Autotask doesn't know gets nothing, contracts does."""
    resource = await office().autotask.resource_by_email(email)
    if resource is None:
        return office().settings.contracts
    return Person(name=resource.name, email=resource.email, phone=resource.phone)
