# SPDX-License-Identifier: MIT
"""From samples to medians, ratios and tables.  Every value is the median of
the rounds; a ratio is the median of the rounds' ratios, because within a round
all pairs were measured one right after the other."""
import json
import statistics


def clean(values):
    return [value for value in values if value is not None]


def median(values):
    values = clean(values)
    return statistics.median(values) if values else None


def spread(values):
    """Half of the range, as a share of the median."""
    values = clean(values)
    middle = median(values)
    return (max(values) - min(values)) / 2 / middle if middle else 0.0


def ratio(values, base):
    """Median over the rounds in which both were measured."""
    return median([mine / other for mine, other in zip(values, base)
                   if mine is not None and other])


class Report:
    """samples[workload][figure][pair] is a list with one value a round."""

    def __init__(self, workloads, pairs, baseline, conditions):
        self.workloads, self.pairs = workloads, pairs
        self.baseline, self.conditions = baseline, conditions
        self.samples, self.notes, self.failed = {}, [], False

    def add(self, workload, pair, values):
        for figure, value in zip(workload.figures, values):
            self.samples.setdefault(workload.name, {}) \
                .setdefault(figure.name, {}).setdefault(pair, []).append(value)

    def note(self, text, failed=False):
        self.failed |= failed
        if text not in self.notes:
            self.notes.append(text)

    def rows(self):
        """Yield (workload, figure, {pair: samples})."""
        for workload in self.workloads:
            for figure in workload.figures:
                by_pair = self.samples.get(workload.name, {}).get(figure.name)
                if by_pair and any(clean(by_pair[pair]) for pair in by_pair):
                    yield workload, figure, by_pair

    def cell(self, figure, by_pair, pair):
        """"1234 ±5% (1.2x)"; the ratio is to the baseline's, as measured."""
        values = by_pair.get(pair, [])
        if median(values) is None:
            return "–"
        text = f"{median(values):,.{figure.digits}f}"
        if spread(values) >= 0.005:
            text += f" ±{100 * spread(values):.0f}%"
        if pair != self.baseline and figure.unit:
            compared = ratio(values, by_pair.get(self.baseline, []))
            if compared is not None:
                text += f" ({compared:.2f}x)"
        return text

    def table(self):
        """Rows of text, the head first."""
        yield ["", "unit", *self.pairs]
        for workload, figure, by_pair in self.rows():
            better = "more" if figure.higher_is_better else "less"
            yield [f"{workload.name} {figure.name}",
                   f"{figure.unit} {better}".strip(),
                   *(self.cell(figure, by_pair, pair) for pair in self.pairs)]

    def text(self):
        rows = list(self.table())
        widths = [max(map(len, column)) for column in zip(*rows)]
        for row in rows:
            cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
            cells += [cell.rjust(width)
                      for cell, width in zip(row[2:], widths[2:])]
            yield "  ".join(cells).rstrip()

    def markdown(self):
        yield from (f"- {name}: {value}" for name, value
                    in self.conditions.items())
        yield ""
        for number, row in enumerate(self.table()):
            yield "| " + " | ".join(row) + " |"
            if number == 0:
                yield "| --- | --- |" + " ---: |" * len(self.pairs)
        if self.notes:
            yield ""
            yield from (f"- {note}" for note in self.notes)

    def json(self):
        figures = [
            {"workload": workload.name, "figure": figure.name,
             "unit": figure.unit, "higher_is_better": figure.higher_is_better,
             "pairs": {pair: {
                 "median": median(values), "samples": values,
                 "ratio": ratio(values, by_pair.get(self.baseline, []))}
                 for pair, values in by_pair.items()}}
            for workload, figure, by_pair in self.rows()]
        return json.dumps({"conditions": self.conditions,
                           "baseline": self.baseline, "figures": figures,
                           "notes": self.notes}, indent=1, ensure_ascii=False)
