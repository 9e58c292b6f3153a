"""What a terminal showed, drawn as SVG."""

import re
from collections.abc import Sequence
from io import StringIO

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

_FORMAT = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Without the fonts that a picture would fetch from somebody else's server."""


def picture(happened: Sequence[tuple[str, str]], width: int) -> str:
    """The SVG of a session on a terminal `width` columns wide: commands, each with what it showed, escapes and all."""
    paper = Console(record=True, width=width, file=StringIO(), force_terminal=True, color_system="truecolor")
    for command, shown in happened:
        paper.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        for line in shown.splitlines():
            drawn = Text.from_ansi(line)
            drawn.rstrip()
            paper.print(drawn)
    return paper.export_svg(title="loginq", code_format=_FORMAT, unique_id="loginq")
