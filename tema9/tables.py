"""Small tables: a notebook shows them as HTML, a terminal as text."""

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Table:
    """Rows of texts under a head, with a caption above and a line of text below.

    Example:
        >>> print(Table(("capa", "lado"), (("conv1", "55"), ("pool1", "27")), numbers=(1,), caption="AlexNet"))
        AlexNet
        capa   lado
        conv1    55
        pool1    27
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()  # the columns that are set to the right
    note: str = ""
    caption: str = ""

    def __str__(self) -> str:
        lines = [self.head, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        text = ["  ".join(self._set(line[c], widths[c], c) for c in range(len(widths))).rstrip() for line in lines]
        return "\n".join([*filter(None, [self.caption]), *text, *filter(None, [self.note])])

    def _set(self, text, width, column):
        return text.rjust(width) if column in self.numbers else text.ljust(width)

    def _repr_html_(self) -> str:
        def row(kind, cells):
            sides = ["right" if column in self.numbers else "left" for column in range(len(cells))]
            inside = "".join(
                f'<{kind} style="text-align: {side}">{escape(cell)}</{kind}>'
                for side, cell in zip(sides, cells, strict=True)
            )
            return f"<tr>{inside}</tr>"

        body = "".join(row("td", cells) for cells in self.rows)
        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        return f"<table>{caption}<thead>{row('th', self.head)}</thead><tbody>{body}</tbody></table>{note}"
