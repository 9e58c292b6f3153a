"""`loginq client`: one file for each language, which is the studio's from then on."""

from pathlib import Path

import pytest

from loginq import __version__
from loginq.cli.client import FILES, NAMES, TITLE, Language, written
from tests.cli.conftest import Run


@pytest.mark.parametrize("language", Language)
def test_it_writes_one_file_that_says_of_which_version_it_is(run: Run, tmp_path: Path, language: Language) -> None:
    folder = tmp_path / "game" / "src"
    screen = run("client", language, str(folder))
    file = folder / NAMES[language]
    assert screen.code == 0
    assert "".join(screen.err.split()).startswith("".join(f"✓ Wrote {file}. Its head says".split()))
    assert [each.name for each in folder.iterdir()] == [file.name]
    assert (FILES / file.name).read_text().count(TITLE) == 1
    assert f"{TITLE} {__version__} for " in file.read_text()
    assert file.read_text() == written(language)


def test_what_was_changed_is_replaced_only_when_that_is_wanted(run: Run, tmp_path: Path) -> None:
    assert run("client", "python", str(tmp_path)).code == 0
    assert "was there already." in run("client", "python", str(tmp_path)).err
    file = tmp_path / "loginq_client.py"
    file.write_text("# mine\n")
    screen = run("client", "python", str(tmp_path), stdin="")
    assert screen.code != 0 and "another version or was changed" in screen.err
    assert file.read_text() == "# mine\n"
    assert run("client", "python", str(tmp_path), "--yes").code == 0
    assert file.read_text() == written(Language.PYTHON)


def test_a_place_that_is_none_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    screen = run("client", "cpp", str(tmp_path / "file"))
    assert screen.code == 1
    assert "it is no folder" in screen.err and "Choose another place." in screen.err
    assert "csharp" in run("client", "java", str(tmp_path)).err
    assert run("client", "CSharp", str(tmp_path)).code == 0
