"""The command group and what its commands share."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from chainflow.errors import BadInput, IncompleteData
from chainflow.version import __version__

if TYPE_CHECKING:
    from chainflow.case import Case
    from chainflow.ledger import Ledger


_WRITTEN = {"out": ("",), "target": ("",), "picture": ("",)}
"""Parameters that name a file to write, and what else is written: under that name with these endings."""
_BESIDE = {"screen": ("", ".json", ".partial")}
"""The same for commands that write more than one file."""


class Guarded(click.Command):
    """A command that never writes over what it reads: it is refused before it begins."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it.

        Raises
        ------
        BadInput
            If a file to write is the case, or another file that was given, by whatever name.
        """
        for place in _places_written(ctx):
            refuse_writing_over(place, _places_read(ctx), is_case=ctx.info_name == "import")
        return super().invoke(ctx)


def _places_written(ctx: click.Context) -> Iterator[pathlib.Path]:
    names = [name for name in _WRITTEN if isinstance(ctx.params.get(name), pathlib.Path)]
    for name in names:
        for ending in _BESIDE.get(ctx.info_name or "", _WRITTEN[name]):
            yield pathlib.Path(f"{ctx.params[name]}{ending}")
    if ctx.info_name == "import":
        yield ctx.params["case_file"]


def _places_read(ctx: click.Context) -> Iterator[pathlib.Path]:
    kept = {*_WRITTEN, *(["case_file"] if ctx.info_name == "import" else [])}
    for name, given in ctx.params.items():
        for one in given if isinstance(given, tuple) else (given,):
            is_file = isinstance(one, pathlib.Path) or name == "files"
            if is_file and name not in kept:
                yield pathlib.Path(one)


def refuse_writing_over(place: pathlib.Path, read: Iterable[pathlib.Path], *, is_case: bool = False) -> None:
    """Refuse to write to a place that holds a case, or a file which is read, by whatever name it goes.

    Raises
    ------
    BadInput
        If it does; nothing was written then.
    """
    from chainflow.writing import refuse_case

    for one in read:
        if os.path.realpath(place) == os.path.realpath(one) or (
            place.exists() and one.exists() and place.samefile(one)
        ):
            raise BadInput(
                f"cannot write {place}: it is a file that this command reads; it was not touched",
                hint="name another file to write",
            )
    if not is_case:
        refuse_case(place)


class _Group(click.Group):
    command_class = Guarded


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="chainflow")
def commands() -> None:
    """Follow value through public blockchains, with the evidence for every step.

    A case is one file. Begin with `chainflow demo`, or fetch an address into a case of your own:

    \b
      chainflow fetch my.chainflow ADDRESS --dry-run     what would be asked, and who would learn it
      chainflow fetch my.chainflow ADDRESS               ask it; every reply is kept and hashed
      chainflow trace my.chainflow ADDRESS --policy fifo where the money went, and why each branch ended
      chainflow import my.chainflow export.csv --preview what a file would bring in; nobody is asked
      chainflow cross-check my.chainflow --source mempool what another operator says otherwise
      chainflow report my.chainflow -o report.html       one page that a third party can check
      chainflow verify my.chainflow                      check every hash and rebuild every derived row
    """


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
read_only_option = click.option(
    "--read-only", is_flag=True, help="Change no byte of the case: write no step down."
)
source_option = click.option(
    "--source",
    multiple=True,
    help="A family, or a family and a URL: esplora:http://127.0.0.1:8000. Several are asked in turn: the next "
    "where one does not answer. Default: what the case asked last, else the chain's public explorer.",
)
chain_option = click.option("--chain", help="btc, ltc, eth, tron, … where the source's URL does not tell.")
proxy_option = click.option(
    "--proxy",
    envvar="CHAINFLOW_PROXY",
    help="socks5h://127.0.0.1:9050, http://proxy:3128. [env: CHAINFLOW_PROXY]",
)
rates_option = click.option(
    "--rates",
    envvar="CHAINFLOW_RATES",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    help="A TOML file that says how fast hosts may be asked. [env: CHAINFLOW_RATES]",
)


def top_option(default: int, words: str) -> Callable[[Any], Any]:
    """Return the option `--top`: how many rows are listed, none or more."""
    return click.option("--top", default=default, show_default=True, type=click.IntRange(min=0), help=words)


case_argument = click.argument("case_file", type=click.Path(path_type=pathlib.Path))
seeds_argument = click.argument("seeds", nargs=-1, required=True)


def existing_case(path: pathlib.Path, **options: Any) -> Case:
    """Open a case that must be there already: a typing error must not make an empty one."""
    from chainflow.case import Case

    if not path.exists():
        raise click.ClickException(f"there is no case {path}; `chainflow fetch {path} ADDRESS` makes one")
    return Case(path, **options)


def refuse_asset(ledger: Ledger, asset: object) -> None:
    """Refuse an asset where only outputs are held: they are all of one coin, and it would say nothing.

    Raises
    ------
    BadInput
        If it is so.
    """
    from chainflow.networks import is_account_chain

    if asset and ledger.chains and not any(map(is_account_chain, ledger.chains)):
        raise BadInput(
            f"--asset is of account chains, and this case holds {', '.join(ledger.chains)}",
            hint="leave --asset out: outputs are all of the chain's own coin",
        )


def something_held(case: Case) -> None:
    """Refuse a case in which there is nothing to check.

    Raises
    ------
    IncompleteData
        If it holds no transaction and no transfer.
    """
    if len(case.ledger) == 0 and case.ledger.transfers.num_rows == 0:
        named = still_named(case)
        if named:
            raise IncompleteData(f"{case.path} holds no transaction: {named}", hint=NAMED_HINT)
        raise IncompleteData(f"{case.path} holds no transaction yet", hint="fetch or import some first")


NAMED_HINT = "chainflow import CASE FILE --list-txids lists them, chainflow fetch CASE TXID… fetches them"


def still_named(case: Case) -> str:
    """Say how many transactions files in the case name that nothing in it holds; "" where there is none."""
    from chainflow.formats import named_by_files

    named = named_by_files(case.log)
    if not named:
        return ""
    chains = ", ".join(sorted({chain for chain, _ in named}))
    return f"{len(named):,} transaction(s) of {chains} are named by files and not held: fetch them"
