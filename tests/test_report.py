"""The report: whole, self-contained, safe with any name, and never a number without its tags regime."""

import re
from pathlib import Path

import numpy as np
import pytest
from report_pages import drawn, report_in, text_of

from swsss.data.classes import ClassTable, palette
from swsss.errors import UserError
from swsss.reliability import Keep
from swsss.report import Confidence, Curve, Picture, Row, contact_sheet, overlay, read_curve, write_report
from swsss.report.charts import charts

pytest_plugins = "page_fixtures"

CLASSES = ClassTable(("background", "<b>", "cat & dog"))
HOSTILE = "Pools </script><script>alert(1)</script><!--"
EMPTY = {"rows": [], "pictures": [], "curves": [], "facts": {}}


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    image = np.full((40, 60, 3), 90, np.uint8)
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 10:30] = 2
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(
        path,
        title=HOSTILE,
        classes=CLASSES,
        rows=[
            Row("supervised", "none", 0.314, 0.9, (0.88, 0.0, None)),
            Row("hybrid", "given", 0.8125, 0.951, (0.97, 0.66, 0.5)),
        ],
        pictures=[Picture("a/one", image, mask, {"hybrid": mask}), Picture("two", image)],
        curves=[Curve("hybrid", {"loss": [(0, 1.5), (10, 0.5)], "empty": []})],
        facts={"recipe": '"quick" & small'},
    )
    return path


@pytest.fixture
def page(browser, path):
    with drawn(browser, path) as page:
        yield page


def cells_of(page) -> list[str]:
    return [re.sub(r"\s+", " ", text) for text in page.locator("td").all_text_contents()]


def test_report__is_accessible(page):
    assert page.locator("th:not([scope]), svg:not([aria-label])").count() == 0
    assert page.locator("img").evaluate_all("images => images.map(image => image.alt)") == [
        "a/one: the image",
        "a/one, truth: cat & dog",
        "a/one, hybrid: cat & dog",
        "two: the image",
    ]


def test_report__every_number_carries_its_regime(page):
    numbers = [cell for cell in cells_of(page) if re.search(r"\d", cell)]
    assert [float(re.match(r"[\d.]+", number)[0]) for number in numbers] == [31.4, 90, 81.3, 95.1, 88, 97, 0, 66, 50]
    assert [re.search(r"tags=(\w+)", number)[1] for number in numbers] == (
        ["none", "none", "given", "given", "none", "given", "none", "given", "given"]
    )


def test_report__names_from_outside_are_text(page):
    assert page.title() == page.locator("h1").text_content() == HOSTILE
    told = text_of(page)
    assert '"quick" & small' in told
    assert "<b>" in told
    assert page.locator("main script").count() == 0


def test_report__curves_are_drawn(page):
    assert page.locator("#curves figure").count() == 1, "a column without values has none"
    assert page.locator("#curves path.run").count() == 1
    assert "hybrid 0.5" in text_of(page)


def test_report__nothing_to_show_is_a_page_too(browser, tmp_path):
    write_report(tmp_path / "r.html", title="Empty", classes=CLASSES, **EMPTY)
    with drawn(browser, tmp_path / "r.html") as page:
        assert page.locator("h1").text_content() == "Empty"
        assert page.locator("section, table, svg").count() == 0


def test_report__a_number_that_is_none_is_told(tmp_path):
    rows = [Row("diverged", "none", float("nan"), 0.5, (float("nan"), 0.5, None))]
    write_report(tmp_path / "r.html", title="", classes=CLASSES, **EMPTY | {"rows": rows})
    (row,) = report_in(tmp_path / "r.html")["rows"]
    assert (row["miou"], row["per_class"]) == (None, [None, 0.5, None])


@pytest.mark.parametrize("before", [0.125, None])
def test_report__confidence_of_the_labels(browser, tmp_path, before):
    keep = [Keep(0.0, 1.0, 0.9, 0.5), Keep(0.95, 0.0, None, None)]
    confidence = Confidence("<i>average</i>", 0.0312, before, keep, [(0.3, 0.2), (0.9, 0.95)], "Slightly optimistic.")
    write_report(tmp_path / "r.html", title="Sure", classes=CLASSES, **EMPTY, confidence=confidence)
    with drawn(browser, tmp_path / "r.html") as page:
        cells, text = cells_of(page), text_of(page)
        paths = page.locator("path.run").evaluate_all("lines => lines.map(line => line.getAttribute('d'))")
    assert cells == (
        ["100.0 tags=given", "90.0 tags=given", "50.0 tags=given", "0.0 tags=given", *["– no pixels, tags=given"] * 2]
    )
    assert "(ECE) 3.1" in text
    assert ("before calibration 12.5" in text) == (before is not None)
    assert "<i>average</i>" in text
    assert "Slightly optimistic." in text
    # Measured and exact, in percent: at the ends of the diagonal the corners of the plot.
    (exact,) = [line for line in paths if "L448.0 12.0" in line]
    assert exact.startswith("M52.0 208.0")


def test_report__row_of_another_class_table_is_refused(tmp_path):
    rows = [Row("x", "none", 0, 0, (0, 0))]
    with pytest.raises(ValueError, match="2 class IoUs for 3 classes"):
        write_report(tmp_path / "r.html", title="", classes=CLASSES, rows=rows, pictures=[], curves=[], facts={})
    assert not list(tmp_path.iterdir())


def test_overlay__pixel_by_hand():
    image = np.full((5, 5, 3), (200, 100, 50), np.uint8)
    mask = np.zeros((5, 5), np.uint8)
    mask[1:4, 1:4] = 1
    shown = overlay(image, mask, 0.5)
    # Grey of (200, 100, 50) is 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2; class 1 is (128, 0, 0).
    assert shown[2, 2].tolist() == [126, 62, 62]
    assert shown[1, 1].tolist() == palette()[1].tolist()
    assert shown[0, 0].tolist() == [200, 100, 50]


def test_overlay__ignored_pixels_are_hatched_and_otherwise_left():
    image = np.full((6, 6, 3), 10, np.uint8)
    shown = overlay(image, np.full((6, 6), 255, np.uint8))
    assert shown[0, 0].tolist() == [145, 145, 145]  # 0.4 * 10 + 0.6 * 235
    assert (shown == 10).all(-1).sum() == 24


def test_overlay__other_size_is_refused():
    with pytest.raises(ValueError, match="same height and width"):
        overlay(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8))


def test_contact_sheet__shows_the_views_side_by_side():
    image = np.full((64, 64, 3), 77, np.uint8)
    picture = Picture("one", image, np.ones((64, 64), np.uint8), {"net": np.full((64, 64), 2, np.uint8)})
    sheet = contact_sheet([picture], CLASSES, ["image", "net"], side=64)
    assert sheet.shape[1] == 8 + 2 * (64 + 8)
    top = round(1.8 * 11)
    assert (sheet[top : top + 64, 8:72] == 77).all()
    assert sheet[top + 32, 80 + 32].tolist() == overlay(image, picture.labels["net"])[32, 32].tolist()


def test_read_curve__empty_cells_are_left_out(tmp_path):
    (tmp_path / "log.csv").write_text("step,loss,miou\n1,0.5,\n2,0.25,0.75\n")
    curve = read_curve("run", tmp_path / "log.csv", ["loss", "miou"])
    assert curve == Curve("run", {"loss": [(1, 0.5), (2, 0.25)], "miou": [(2, 0.75)]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step,loss\n1,high\n", "line 2: step '1' or loss 'high' is not a number"),
        ("step,other\n1,2\n", "has no column 'loss'"),
        ("", "has no column 'step'"),
        (None, "cannot be read: No such file"),
    ],
)
def test_read_curve__what_is_wrong_is_said(tmp_path, text, message):
    if text is not None:
        (tmp_path / "log.csv").write_text(text)
    with pytest.raises(UserError, match=re.escape(message)):
        read_curve("run", tmp_path / "log.csv", ["loss"])


@pytest.mark.parametrize(
    "values",
    [
        [(0, 0.3)],
        [(0, 0.3), (1, 0.30000000000000004)],
        [(0, 0.0), (5, 0.0)],
        [(0, 1e20), (9, 1e20)],
        [(0, 1e-13), (1, 3e-13)],
    ],
)
def test_charts__hardly_a_curve_is_still_drawn(values):
    (chart,) = charts([Curve("run", {"loss": values})])
    assert len(chart.lines) == 1
    assert len({at for at, _ in chart.y_ticks}) >= 2


def test_charts__long_runs_are_thinned_and_diverged_values_left_out():
    values = [(step, float("nan") if step == 7 else step / 10_000) for step in range(10_000)]
    (chart,) = charts([Curve("run", {"loss": values})])
    assert chart.lines[0].path.count("L") < 300
    assert "nan" not in chart.lines[0].path
    assert [label for _, label in chart.y_ticks] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_charts__column_without_values_has_none():
    assert charts([Curve("run", {"loss": []})]) == []
