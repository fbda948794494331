"""`report`: the comparison of all arms, as a stage like any other."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from summ_collapse import store
from summ_collapse.graph import ANY
from summ_collapse.report.contents import Contents
from summ_collapse.stages.size import Size
from summ_collapse.stages.stage import Context, Outcome, Stage

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Report(Stage):
    """results.json, the tables and the figures; inputs play the roles of their own names."""

    kind: ClassVar[str] = "report"
    version: ClassVar[int] = 9
    inputs: ClassVar[Mapping[str, str]] = {"examples": "examples"}
    further: ClassVar[Mapping[str, str]] = {"*": ANY}
    gives: ClassVar[str] = "report"
    shown: ClassVar[str | None] = "report"
    takes_failed: ClassVar[bool] = True  # it says why
    contents: Contents

    def size(self, of: Mapping[str, Size]) -> Size:
        return Size(len(self.contents.arms))

    def run(self, context: Context) -> Outcome:
        """Compare all arms and write the report."""
        from summ_collapse.report.build import build
        from summ_collapse.report.csv_rows import rows_as_csv
        from summ_collapse.report.figures.all import SUFFIXES, draw_all
        from summ_collapse.report.figures.efficiency import draw_efficiency
        from summ_collapse.report.figures.mixtures import draw_mixtures
        from summ_collapse.report.lines.cure import cures
        from summ_collapse.report.lines.effective import fitted, regimes_of
        from summ_collapse.report.lines.efficiency import efficiencies, measured
        from summ_collapse.report.lines.mixtures import mixtures, row_counts
        from summ_collapse.report.lines.trends import trends
        from summ_collapse.report.tables import as_csv, as_latex, as_markdown

        results = build(self.contents, context.inputs)
        # Keys as they come: metrics stand in the recipe's order.
        store.write_json(context.out / "results.json", results.model_dump(), sort_keys=False)
        tables = {"csv": as_csv(results.arms, results.metrics), "md": as_markdown([results]), "tex": as_latex([results])}
        for suffix, text in tables.items():
            store.write_atomic(context.out / f"table.{suffix}", text.encode())
        beside_theory = fitted(regimes_of(self.contents.arms, results), results, self.contents.evaluation.drawn)
        errors = measured(self.contents.arms, context.inputs, results.metric)
        of_lines: dict[str, Sequence[DataclassInstance]] = {
            "generations": trends(results),
            "claims": results.claims,
            "certificates": results.certificates,
            "rounds_to_cure": cures(results),
            "effective_n": beside_theory,
            "efficiency": [one for metric, found in errors.items() for one in efficiencies(found, metric)],
        }
        blended = mixtures(self.contents.arms, results, row_counts(self.contents.arms, context.inputs))
        of_lines["mixtures"] = blended
        for name, found in of_lines.items():
            if found:
                store.write_atomic(context.out / f"{name}.csv", rows_as_csv(found).encode())

        def figure(name: str) -> list[Path]:
            return [context.out / "figures" / f"{name}.{suffix}" for suffix in SUFFIXES]

        if errors:
            draw_efficiency(errors, figure("efficiency"), results.recipe)
        if any(one.synthetic_rows for one in blended):
            draw_mixtures(blended, results.metric, figure("mixtures"), results.recipe)
        draw_all(results, self.contents.attacks, beside_theory, context.out / "figures")
        arms = len(results.arms)
        return Outcome(arms, arms, notes={"test_rows": results.test_rows})
