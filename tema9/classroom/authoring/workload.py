"""The minutes that a student needs for each section of a notebook, estimated from what is read and what is done.

No class has been timed with this course yet. So the estimate counts what stands in the source, and each rate is a
constant below, with its reason:

- words of prose, read as slowly as the slowest of most adults read non-fiction: Brysbaert (2019), "How many words do we
  read per minute?", Journal of Memory and Language 109, gives 238 words a minute on average, and 175 to 300 for most;
- lines of code that students see: Cohen (2006), "Best Kept Secrets of Peer Code Review", finds that readers of code
  overlook more above 300 to 500 lines an hour, and the slower of the two is 5 lines a minute;
- predictions ("Predice") and exercises are the course's own assumption: 3 minutes for a prediction with a look at what
  it comes to, and a minute for each point, since points are given by the work.
"""

import re

from tema9.classroom.sources import Source

WORDS_A_MINUTE = 175
LINES_A_MINUTE = 5
PREDICTION = 3  # minutes
POINT = 1  # minutes
STEP = 5  # minutes: what a notebook says is a multiple of this, and no further than this from the estimate
REST = "resto"  # what stands before the first numbered section and after the last

HIDDEN = re.compile(
    r"### BEGIN (SOLUTION|HIDDEN TESTS).*?### END \1|=== BEGIN MARK SCHEME.*?=== END MARK SCHEME ===", re.S
)


def estimate(source: Source) -> dict[str, float]:
    """Return the minutes of each section of a notebook: {its number, or REST: minutes}.

    What students do not receive (solutions, hidden tests, mark schemes, model answers) is not read, and what only
    imports or checks is not counted as code.
    """
    minutes: dict[str, float] = {REST: 0.0}
    section = REST
    for cell in source.cells:
        text = "" if cell.role == "answer" else HIDDEN.sub("", cell.text)
        for part in re.split(r"^(?=## )", text, flags=re.M):
            if cell.kind == "markdown" and part.startswith("## "):
                number = re.match(r"## (\d+)\. ", part)
                section = number[1] if number else REST
            read = len(re.findall(r"\w+", part)) / WORDS_A_MINUTE + PREDICTION * len(
                re.findall(r"\b[Pp]redice\b", part)
            )
            if cell.kind == "code":
                read = sum(map(_is_read, part.splitlines())) / LINES_A_MINUTE
            minutes[section] = minutes.get(section, 0.0) + read
        minutes[section] += POINT * cell.points
    return minutes


def _is_read(line):
    return bool(line.strip()) and not re.match(r"import |from |tema9\.check\(", line)


def stated(source: Source) -> tuple[int, dict[str, int]]:
    """Return the minutes that the text of a notebook gives: (in all, {number of a section, or REST: minutes}).

    The text says "**Tiempo:** unos 40 minutos: 15 el apartado 1, 20 el 2 y 5 el resto."

    Raises:
        ValueError: no cell says it so.
    """
    text = " ".join("\n".join(cell.text for cell in source.cells if cell.kind == "markdown").split())
    said = re.search(r"\*\*Tiempo:\*\* unos (\d+) minutos: (.*?)\.", text)
    if not said:
        raise ValueError('no cell says "**Tiempo:** unos N minutos: N el apartado 1, N el 2 y N el resto."')
    parts = re.findall(rf"(\d+) el (?:apartado )?(\d+|{REST})\b", said[2])
    return int(said[1]), {section: int(minutes) for minutes, section in parts}


def sentence(minutes: dict[str, float]) -> str:
    """Return the words in which a notebook gives these minutes, in multiples of STEP that add up to their sum."""
    steps = {section: max(1, int(value / STEP)) for section, value in minutes.items()}
    short = max(0, round(sum(minutes.values()) / STEP) - sum(steps.values()))
    for section in sorted(minutes, key=lambda one: minutes[one] / STEP - steps[one], reverse=True)[:short]:
        steps[section] += 1
    parts = [f"{STEP * steps[one]} el {'apartado ' * (one == '1')}{one}" for one in minutes if one != REST]
    return (
        f"**Tiempo:** unos {STEP * sum(steps.values())} minutos: {', '.join(parts)} y {STEP * steps[REST]} el {REST}."
    )
