"""The report of a launch of a million that went on for a week, from the rows in the table to the page."""

from pathlib import Path
from tempfile import TemporaryDirectory

from loginq.service.rules.times import HOUR, MINUTE
from loginq.service.store.clock import system_clock
from loginq.service.store.table import in_threads
from tests.benchmarks.cold import PEAK
from tests.benchmarks.measure import Row, script
from tests.benchmarks.stage import Stage
from tests.launch import launch

PLAYERS, WEEK = 1_000_000, 7 * 24 * 60
_RUN = (
    PEAK
    + """
import contextlib, io, json, sys, time
began = time.perf_counter()
sys.argv = ["loginq", *sys.argv[1:]]
from loginq.cli import main
with contextlib.redirect_stdout(said := io.StringIO()), contextlib.suppress(SystemExit):
    main()
print(json.dumps({
    "took": time.perf_counter() - began,
    "cpu": time.process_time(),
    "mb": peak(),
    "report": json.loads(said.getvalue()),
}))
"""
)


def reported(stage: Stage) -> list[Row]:
    """`loginq report --json -o` of all that there is, against one of its last hour."""
    end = system_clock() - HOUR
    in_threads(stage.queue.history.write, list(launch(end - WEEK * MINUTE, WEEK, PLAYERS)))
    with TemporaryDirectory() as folder:
        page = Path(folder) / "launch.html"
        words = ("report", "--json", "--yes", "-o", str(page))
        lengths = ("2h", "8d")
        hour, week = (script(_RUN, stage.environment, *words, "--since", each, "--until", "50m") for each in lengths)
        size = page.stat().st_size
    came, minutes = week["report"]["players"]["came"], week["report"]["minutes"]
    what = f"`loginq report -o launch.html`, {came:,} players in {minutes:,} minutes; its page: {size / 1_000:.0f} KB"
    ours, against = (f"{each['took']:.1f} s, {each['cpu']:.1f} s of CPU, {each['mb']:.0f} MB" for each in (week, hour))
    return [Row(what, ours, f"its last hour: {against}", f"{week['took'] / hour['took']:.1f}", "< 10 s, < 300 MB")]
