"""What a chart shows, in words, for who cannot see it."""

import re

import plotly.graph_objects as go


def of(figure: go.Figure) -> str:
    """'Accuracy: accuracy, % against epoch. Lines: training, validation.'"""
    title = bare(figure.layout.title.text or "Chart")
    x, y = bare(figure.layout.xaxis.title.text or ""), bare(figure.layout.yaxis.title.text or "")
    axes = f": {y} against {x}" if x and y else f": {x or y}" if x or y else ""
    names = list(
        dict.fromkeys(bare(trace.name) for trace in figure.data if trace.name and trace.showlegend is not False)
    )
    return f"{title}{axes}." + (f" Shown: {', '.join(names)}." if names else "")


def bare(text: str) -> str:
    """Without the marks that Plotly reads: '<b>conv1</b>' is 'conv1'."""
    return re.sub(r"<[^>]*>", " ", text).strip()
