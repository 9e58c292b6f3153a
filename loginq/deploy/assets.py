"""Where the handlers and the template are: beside the package in a checkout, inside it in an installed wheel."""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent
_CHECKOUT, _WHEEL = PACKAGE.parent, PACKAGE / "_assets"
_ROOT = _CHECKOUT if (_CHECKOUT / "cloudformation" / "loginq.yaml").is_file() else _WHEEL

LAMBDAS = _ROOT / "lambdas"
TEMPLATE = _ROOT / "cloudformation" / "loginq.yaml"
REQUIREMENTS = LAMBDAS / "requirements.txt"
