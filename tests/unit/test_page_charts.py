"""Charts as numbers: where a value lies in its box."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_api.web.pages.charts import SPARK_HEIGHT, SPARK_WIDTH, evidence_chart, evidence_share, sparkline


@pytest.mark.parametrize(
    ("wealth", "share"),
    [
        pytest.param(0.01, 0.0, id="at the lower end"),
        pytest.param(1.0, 0.5, id="at the beginning: two of four powers of ten"),
        pytest.param(10.0, 0.75, id="three of four"),
        pytest.param(100.0, 1.0, id="at the threshold"),
        pytest.param(1e300, 1.0, id="beyond it"),
        pytest.param(1e-300, 0.0, id="below the scale"),
    ],
)
def test_a_bar_is_logarithmic(wealth: float, share: float) -> None:
    """Equal factors are equal lengths, from .01 to a threshold of 100."""
    assert evidence_share(wealth, 100.0) == pytest.approx(share)


def test_a_curve_meets_its_axes() -> None:
    """Evidence of 1 lies on the line where it began, evidence at the threshold on the threshold's; higher is further up."""
    chart = evidence_chart([(3, 1.0), (4, 0.5), (5, 620.0)], 620.0)
    ys = [y for _, y in chart.dots]
    assert (ys[0], ys[2]) == (chart.start_y, chart.threshold_y)
    assert ys[1] > ys[0] > ys[2]
    assert [tick.text for tick in chart.rounds] == ["3", "4", "5"]
    assert [tick.text for tick in chart.levels] == ["0.1", "1", "10", "100", "1,000"]


@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=40))
def test_a_sparkline_stays_in_its_box(values: list[int]) -> None:
    """Whatever the scores, also a single one, or all alike."""
    places = [tuple(map(float, point.split(","))) for point in sparkline(values).points.split()]
    assert len(places) == len(values)
    assert all(0 <= x <= SPARK_WIDTH and 0 <= y <= SPARK_HEIGHT for x, y in places)


@given(st.lists(st.floats(1e-300, 1e300), min_size=1, max_size=24), st.floats(20.0, 1e6))
def test_a_curve_stays_in_its_box(wealths: list[float], threshold: float) -> None:
    """Whatever the evidence, also at both ends of what a duel keeps."""
    chart = evidence_chart(list(enumerate(wealths)), threshold)
    assert all(chart.left <= x <= chart.right + 0.1 for x, _ in chart.dots)
    assert all(chart.top - 0.1 <= y <= chart.bottom + 0.1 for _, y in chart.dots)
