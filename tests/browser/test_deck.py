"""A walk through the deck: everything of every slide is large enough, inside, apart, and reached with the keys."""

import itertools
import re

import pytest

from tema9.classroom.lecture import slides

# What the last row sees of the present slide: each line of text and each picture as a box, and whose it is.
LOOK = """() => {
  const slide = Reveal.getCurrentSlide(), boxes = [], letters = [];
  const height = element => parseFloat(getComputedStyle(element).fontSize) * Reveal.getScale();
  const add = (box, owner, what) => { if (box.width && box.height)
    boxes.push({ left: box.left, right: box.right, top: box.top, bottom: box.bottom, owner, what }); };
  [...slide.children].filter(part => part.tagName !== 'ASIDE').forEach((part, owner) => {
    part.querySelectorAll('svg').forEach(svg => add(svg.getBoundingClientRect(), owner, 'svg'));
    const words = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
    for (let text; (text = words.nextNode());) {
      if (!text.data.trim() || text.parentElement.closest('svg, mjx-assistive-mml')) continue;
      const range = document.createRange(); range.selectNodeContents(text);
      for (const box of range.getClientRects()) add(box, owner, text.data.trim());
      letters.push([height(text.parentElement), text.data.trim()]);
    }
    part.querySelectorAll('mjx-container').forEach(formula => letters.push([height(formula), 'formula']));
  });
  // Matplotlib draws a letter of `s` points 100 times too large and scales it by s / 100.
  const labels = [...slide.querySelectorAll('figure svg')].map(svg => {
    const frame = svg.getBoundingClientRect(), found = [];
    for (const label of svg.querySelectorAll('g[id*="-text_"]')) {
      const box = label.getBoundingClientRect(), scaled = label.querySelector('g[transform*="scale"]');
      if (!scaled) continue;
      const points = 100 * parseFloat(/scale\\(([\\d.]+)/.exec(scaled.getAttribute('transform'))[1]);
      letters.push([points * frame.width / svg.viewBox.baseVal.width, label.id]);
      const inside = box.left >= frame.left - 1 && box.right <= frame.right + 1
        && box.top >= frame.top - 1 && box.bottom <= frame.bottom + 1;
      found.push({ left: box.left, right: box.right, top: box.top, bottom: box.bottom, what: label.id, inside });
    }
    return found;
  });
  const number = document.querySelector('.slide-number');
  letters.push([parseFloat(getComputedStyle(number).fontSize), 'slide number']);
  add(number.getBoundingClientRect(), 'number', 'slide number');
  return { id: slide.id, number: number.innerText, letters, boxes, labels };
}"""


def overlap(a, b, by=1):
    wide = min(a["right"], b["right"]) - max(a["left"], b["left"])
    return wide > by and min(a["bottom"], b["bottom"]) - max(a["top"], b["top"]) > by


# The parts of the present slide as they are in the page, and each colour of its letters beside the one behind them.
READ = """() => {
  const slide = Reveal.getCurrentSlide();
  const parts = 'h1, h2, p, ul, blockquote, table, figure, footer';
  const read = [...slide.querySelectorAll(parts)].filter(
    part => !part.closest('aside') && !part.parentElement.closest(parts)
  ).map(part => [part.getBoundingClientRect(), part.textContent.trim().slice(0, 40) || part.tagName])
    .filter(([box]) => box.width && box.height)
    .map(([box, what]) => ({ left: box.left, right: box.right, top: box.top, bottom: box.bottom, what }));
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (!/rgba\\(.*, 0\\)|transparent/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const pairs = [], words = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  for (let text; (text = words.nextNode());) {
    const owner = text.parentElement;
    if (!text.data.trim() || owner.closest('aside, svg, mjx-assistive-mml') || !owner.getClientRects().length) continue;
    pairs.push([getComputedStyle(owner).color, behind(owner), text.data.trim()]);
  }
  for (const label of slide.querySelectorAll('figure svg g[id*="-text_"]')) {
    const drawn = label.querySelector('g[transform*="scale"]'), box = label.getBoundingClientRect();
    if (!drawn) continue;
    const under = document.elementsFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2)
      .filter(one => one instanceof SVGGeometryElement && !one.closest('g[id*="-text_"] g'))
      .map(one => getComputedStyle(one).fill).find(fill => fill.startsWith('rgb'));
    pairs.push([getComputedStyle(drawn).fill, under || behind(label), label.id]);
  }
  for (const part of document.querySelectorAll('.slide-number, .slides section.present mjx-container'))
    pairs.push([getComputedStyle(part).color, behind(part), part.tagName]);
  return { id: slide.id, read, pairs };
}"""


def luminance(colour):
    """The relative luminance of a colour, as WCAG 2.2 defines it."""
    channels = (int(c) / 255 for c in re.findall(r"\d+", colour)[:3])
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """The ratio of two colours: from 1, the same, to 21, black on white."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def opened(deck, open_page):
    """A function that opens the deck, given Playwright's arguments of a context."""

    def go(**arguments):
        page = open_page(**arguments)
        page.goto(deck[1].as_uri())
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        return page

    return go


def slides_of(page, look=LOOK):
    """What `look` finds on each slide with everything on it shown."""
    for place in range(page.evaluate("Reveal.getTotalSlides()")):
        page.evaluate(
            "i => { Reveal.slide(i); while (Reveal.availableFragments().next) Reveal.nextFragment(); }", place
        )
        yield page.evaluate(look)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_is_large_enough_on_its_slide_and_apart(opened, scheme):
    for seen in slides_of(opened(color_scheme=scheme)):
        where, boxes = f"slide {seen['number']}, {seen['id']}", seen["boxes"]
        small = [letter for letter in seen["letters"] if letter[0] < 24]
        assert not small, f"{where}: under 24 px: {small}"
        for place, box in enumerate(boxes):
            within = box["left"] >= 0 and box["top"] >= 0 and box["right"] <= 1280 and box["bottom"] <= 720
            assert within, f"{where}: leaves the slide: {box}"
            over = [one for one in boxes[:place] if one["owner"] != box["owner"] and overlap(one, box)]
            assert not over, f"{where}: {box} over {over}"
        for labels in seen["labels"]:
            assert not [label for label in labels if not label["inside"]], f"{where}: a label leaves its figure"
            for place, label in enumerate(labels):
                over = [one["what"] for one in labels[:place] if overlap(one, label)]
                assert not over, f"{where}: {label['what']} over {over}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_stand_out_from_what_is_behind_them(opened, scheme):
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    seen = list(slides_of(opened(color_scheme=scheme), READ))
    assert sum(len(slide["pairs"]) for slide in seen) > 400
    for slide in seen:
        for letters, ground, what in slide["pairs"]:
            assert contrast(letters, ground) >= 4.5, f"{slide['id']}: {what}: {letters} on {ground}"


def test_the_page_is_read_in_the_order_in_which_it_is_seen(opened):
    """Down a column, then the next column to the right; the foot comes last."""
    for slide in slides_of(opened(), READ):
        assert len(slide["read"]) >= 2, slide
        for one, after in itertools.pairwise(slide["read"]):
            below, beside = after["top"] >= one["top"] - 2, after["left"] >= one["right"] - 2
            back = after["right"] <= one["left"] + 2 and after["top"] < one["bottom"] - 2
            assert (below or beside) and not back, f"{slide['id']}: {after['what']!r} is read after {one['what']!r}"


def test_slides_are_numbered_and_the_keys_walk_through_all_of_them(opened):
    page = opened()
    total = page.evaluate("Reveal.getTotalSlides()")
    page.keyboard.press("ArrowRight")
    assert page.locator(".slide-number").inner_text().replace(" ", "") == f"2/{total}"
    presses = 1
    while not page.evaluate("Reveal.isLastSlide() && !Reveal.availableFragments().next"):
        page.keyboard.press("Space")
        presses += 1
        assert presses < 100
    fragments = page.locator(".slides .fragment").count()
    assert presses == total - 1 + fragments and fragments >= 7
    page.keyboard.press("Home")
    assert page.evaluate("Reveal.getIndices().h") == 0


def test_a_hint_waits_for_its_key(opened):
    page = opened()
    page.evaluate("Reveal.slide(3)")
    hint = page.locator("#conv1-volume .fragment")
    assert hint.evaluate("e => getComputedStyle(e).opacity") == "0"
    page.keyboard.press("ArrowRight")
    assert hint.evaluate("e => getComputedStyle(e).opacity") == "1"


def test_a_finger_turns_the_page(opened):
    page = opened(has_touch=True)
    touch = page.context.new_cdp_session(page)

    def send(kind, *x):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": one, "y": 300} for one in x]})

    send("touchStart", 900)
    send("touchMove", 500)
    send("touchEnd")
    page.wait_for_function("Reveal.getIndices().h === 1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_as_the_machine_says_until_a_key_changes_it(opened, scheme):
    page = opened(color_scheme=scheme)
    page.evaluate("Reveal.slide(1)")

    def light(selector, what):
        colour = page.locator(selector).first.evaluate(f"e => getComputedStyle(e).{what}")
        return sum(map(int, re.findall(r"\d+", colour)[:3])) > 3 * 128

    def seen():
        return light(".reveal-viewport", "backgroundColor"), light("#lenet5 p", "color"), light("#lenet5 svg", "fill")

    assert seen() == (scheme == "light", scheme == "dark", scheme == "dark")
    page.keyboard.press("t")
    assert seen() == (scheme == "dark", scheme == "light", scheme == "light")


def test_paper_is_white(opened):
    page = opened(color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.goto(page.url.split("#")[0] + "?print-pdf")
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_formulas_are_typeset(opened):
    page = opened()
    assert page.locator(".slides mjx-container").count() == 3
    assert page.locator("mjx-merror, [data-mjx-error]").count() == 0


def test_the_address_of_a_slide_is_its_name(opened, deck):
    page = opened()
    page.goto(f"{deck[1].as_uri()}#/across-gpus")
    page.wait_for_function("Reveal.getCurrentSlide()?.id === 'across-gpus'")


def test_the_notes_open_beside_the_slide(opened):
    page = opened()
    page.evaluate("Reveal.slide(5)")
    with page.context.expect_page() as shown:
        page.keyboard.press("s")
    speaker = shown.value
    notes = "document.querySelector('.speaker-controls-notes .value')"
    speaker.wait_for_function(f"{notes}?.innerText.includes('34\\u202f848')")


def test_the_pdfs_have_a_page_for_each_slide_and_one_for_its_notes(browser, deck, tmp_path):
    count = deck[0].cells[-1].metadata.number
    assert slides.pdf(browser, deck[1], tmp_path / "a.pdf") == count
    assert slides.pdf(browser, deck[1], tmp_path / "b.pdf", notes=True) == 2 * count
    assert (tmp_path / "a.pdf").stat().st_size > 100_000


def test_a_pdf_with_another_number_of_pages_is_refused(browser, deck, tmp_path):
    long = tmp_path / "long.html"
    tall = '<aside class="notes"><p style="height: 1500px">too long</p>'
    long.write_text(deck[1].read_text(encoding="utf-8").replace('<aside class="notes">', tall, 1), encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"the PDF has \d+ pages for \d+ slides"):
        slides.pdf(browser, long, tmp_path / "long.pdf", notes=True)
    assert not (tmp_path / "long.pdf").exists()
