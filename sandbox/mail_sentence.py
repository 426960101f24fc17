"""The sentence that a mail offers for the answer: the element with `data-sentence` in its HTML."""

from html.parser import HTMLParser

_WITHOUT_END = ("br", "hr", "img", "input", "meta", "link", "wbr")


class _Reader(HTMLParser):
    """Reads the first such element: its attribute, or, where that is empty, its words."""

    def __init__(self) -> None:
        super().__init__()
        self.sentence = ""
        self._open: list[str] = []
        self._done = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._open:
            self._open += [] if tag in _WITHOUT_END else [tag]
        elif not self._done and (told := dict(attrs)).keys() & {"data-sentence"}:
            self.sentence, self._done = told["data-sentence"] or "", True
            self._open = [] if self.sentence or tag in _WITHOUT_END else [tag]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self.sentence += data


def offered_sentence(html: str) -> str | None:
    """The sentence on one line, as somebody would copy it; None where the mail offers none."""
    reader = _Reader()
    reader.feed(html)
    return " ".join(reader.sentence.split()) or None
