"""``maskel study``: an expert reading of made and simulated X-rays."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from maskel_core.cli.console import misuse, progress_bar, say

app = typer.Typer(help="Let people grade made and simulated X-rays, blind.", no_args_is_help=True)


@app.command()
def make(
    data: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Folder of sample shards; test split.")
    ],
    out: Annotated[Path, typer.Option(help="Page to write, FILE.html; its key goes to FILE.key.json.")],
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model. Default: the one that ships.", show_default=False)
    ] = None,
    cases: Annotated[int, typer.Option(help="Pictures to grade, half of them made; even.")] = 40,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Same seed, same cases. Default: drawn, noted in the key.", show_default=False
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="Edge of the pictures in pixels. Default: the model's own, or the data's if less.",
            show_default=False,
        ),
    ] = None,
    style: Annotated[str, typer.Option(help="dxa, radiograph, bone or inverted.")] = "dxa",
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Only natural bodies without clothes, hair and things carried."),
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.", show_default=False)] = None,
) -> None:
    """Write one offline HTML page on which readers grade X-rays, and its key.

    Give readers the page, keep the key.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        misuse(f"{out} is no name of a page; end it with .html.")

    import secrets

    from maskel_core.runtime import open_pipeline
    from maskel_core.study.cases import make_cases
    from maskel_core.study.page import check_free, write_study

    check_free(out)
    drawn = secrets.randbelow(2**32) if seed is None else seed
    pipeline = open_pipeline(model, device, threads)
    with progress_bar("Pictures") as progress:
        shown = make_cases(data, pipeline, cases, drawn, style, size, plain, progress)
    facts = {"model": pipeline.model_id, "size": max(shown[0].picture.shape), "seed": drawn, "plain": plain}
    key = write_study(out, shown, style, **facts)
    say(f"{len(shown)} cases in {out}\nKey, not for readers: {key}")


@app.command()
def analyse(
    answers: Annotated[
        list[Path], typer.Argument(help="Saved answers, one file a reader.", show_default=False)
    ],
    key: Annotated[Path, typer.Option(help="The study's FILE.key.json.")],
    out: Annotated[Path, typer.Option(help="Folder for report.json and report.md.")],
) -> None:
    """Compare the grades of made and simulated X-rays."""
    from maskel_core.study.analysis import analyse as run
    from maskel_core.study.report import summary, write_report

    report = run(answers, key)
    write_report(report, out)
    typer.echo(summary(report))
    say(f"Report in {out}")
