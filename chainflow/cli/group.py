"""The command group and what its commands share."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Any

import click

from chainflow.version import __version__

if TYPE_CHECKING:
    from chainflow.case import Case


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="chainflow")
def commands() -> None:
    """Follow value through public blockchains, with the evidence for every step.

    A case is one file. Begin with `chainflow demo`, or fetch an address into a case of your own:

    \b
      chainflow fetch my.chainflow ADDRESS --dry-run     what would be asked, and who would learn it
      chainflow fetch my.chainflow ADDRESS               ask it; every reply is kept and hashed
      chainflow trace my.chainflow ADDRESS --policy fifo where the money went, and why each branch ended
      chainflow report my.chainflow -o report.html       one page that a third party can check
      chainflow verify my.chainflow                      check every hash and rebuild every derived row
    """


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
read_only_option = click.option(
    "--read-only", is_flag=True, help="Change no byte of the case: write no step down."
)
case_argument = click.argument("case_file", type=click.Path(path_type=pathlib.Path))
seeds_argument = click.argument("seeds", nargs=-1, required=True)


def existing_case(path: pathlib.Path, **options: Any) -> Case:
    """Open a case that must be there already: a typing error must not make an empty one."""
    from chainflow.case import Case

    if not path.exists():
        raise click.ClickException(f"there is no case {path}; `chainflow fetch {path} ADDRESS` makes one")
    return Case(path, **options)
