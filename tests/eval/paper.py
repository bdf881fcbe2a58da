"""Results of a judge and a study with ten raters that have the paper's figures (3.4, 3.5)."""

from whyser_eval.explanations.judge.rows import AgreementRow, JudgeResults, JudgeRow, RubricRow
from whyser_eval.explanations.study.rows import RaterRow, StudyResults, StudyRow
from whyser_eval.statistics.proportions import wilson

#: Accepted of 32 by each of ten raters: 221 of 320.
ACCEPTED = (16, 17, 18, 19, 21, 23, 25, 26, 27, 29)


def studied(**changes):
    rows = (
        *shares("accept", "all", 0.690625, t=(0.589, 0.792), bootstrap=(0.571, 0.803), n=320),
        *shares("accept", "match", 0.725, t=(0.611, 0.839), bootstrap=(0.569, 0.866), n=160),
        *shares("accept", "mismatch", 0.65625, t=(0.548, 0.764), bootstrap=(0.487, 0.816), n=160),
        *shares("accept", "emotion:angry", 0.75, t=(0.58, 1.02), bootstrap=(0.55, 0.95), n=40),
        *shares("accept", "emotion:sad", 0.575, t=(0.41, 0.74), bootstrap=(0.35, 0.8), n=40),
        *shares("prefer", "all", 0.396875, t=(0.302, 0.492), bootstrap=(0.283, 0.515), n=320),
        *shares("prefer", "emotion:sad", 0.35, t=(0.21, 0.49), bootstrap=(0.15, 0.55), n=40),
        figure("prefer", "all", "p_two_sided", 0.0362, n=320),
        figure("accept", "all", "fleiss_kappa", 0.1234, n=320),
        figure("accept", "all", "krippendorff_alpha", 0.1261, n=320),
        figure("accept", "match", "fleiss_kappa", None, n=160),
        figure("prefer", "all", "fleiss_kappa", 0.2, n=320),
        figure("prefer", "all", "krippendorff_alpha", 0.21, n=320),
    )
    raters = [RaterRow(f"rater {n}", "accept", k / 32, 0.72, 32, 21.4) for n, k in told()]
    raters[9] = RaterRow(
        "rater 10", "accept", 29 / 32, None, 32, 2.0, ("faster than the clips", "an outlier")
    )
    raters.append(RaterRow("rater 1", "prefer", 0.375, 0.65, 32, None))
    return StudyResults(
        **{
            "study": "3fa9c1d2",
            "system": "row 11",
            "reference": "Qwen2.5-Omni",
            "rows": rows,
            "raters": tuple(raters),
            "left_out": ("anna.json: incomplete, 12 of 64 answered",),
            "warnings": ("One rater's figures stand out.",),
        }
        | changes
    )


def told():
    return enumerate(ACCEPTED, start=1)


def shares(test, subset, value, *, t, bootstrap, n):
    """The three rows of one share."""
    metric = "acceptance_rate" if test == "accept" else "preference_rate"
    for interval, ends in (
        ("t", t),
        ("bootstrap", bootstrap),
        ("binomial", wilson(value * n, n)),
    ):
        yield figure(test, subset, metric, value, *ends, interval, n=n)


def figure(test, subset, metric, value, low=None, high=None, interval=None, *, n):
    signature = f"{metric}|study:3fa9c1d2|test:{test}|subset:{subset}|whyser:0.1.0"
    return StudyRow(test, subset, metric, value, low, high, interval, n, 10, n // 10, signature)


def judged(**changes):
    heard, read = ("gemini-2.0-flash", True), ("gpt-oss-20b", False)
    rows = (
        *contest(*heard, "Q2A+CoT", (521, 20, 49, 10), (0.875, 0.924)),
        *contest(*heard, "Q2.5O+CoT", (450, 48, 102, 0), (0.757, 0.822)),
        *contest(*read, "Q2A+CoT", (470, 60, 60, 10), (0.82, 0.87)),
        *contest(*read, "Q2.5O+CoT", (380, 90, 130, 0), (0.68, 0.74)),
    )
    rubric = tuple(
        RubricRow(
            *heard,
            system,
            emotion,
            criterion,
            value,
            value - 0.05,
            value + 0.05,
            590,
            10,
            "rubric|",
        )
        for system in ("row 11", "Q2A+CoT")
        for emotion in ("all", "angry")
        for criterion, value in (("quotation", 0.82), ("groundedness", 1.41), ("relevance", 1.67))
    )
    agreement = (
        AgreementRow("gemini-2.0-flash", "gpt-oss-20b", 0.81, 0.52, 1200, "cohen_kappa|"),
        AgreementRow("gemini-2.0-flash", "humans", 0.625, None, 32, "cohen_kappa|"),
    )
    warnings = ("Judge and teacher are of one family.",)
    return JudgeResults(
        **{"rows": rows, "rubric": rubric, "agreement": agreement, "warnings": warnings} | changes
    )


def contest(judge, hears, against, counts, ends):
    """The rows of one comparison; `counts` are wins, ties, losses and unreadable."""
    win, tie, loss, unreadable = counts
    n, readable = sum(counts), win + tie + loss

    def row(metric, value, low=None, high=None, interval=None, n=n, emotion="all"):
        signature = f"{metric}|judge:{judge}|against:{against}|n:{n}|whyser:0.1.0"
        return JudgeRow(
            judge, hears, "row 11", against, emotion, metric, value, low, high, interval, n,
            signature,
        )  # fmt: skip

    score = (win + tie / 2) / readable
    for metric, count in zip(
        ("win_rate", "tie_rate", "loss_rate", "unreadable_rate"),
        (win, tie, loss, unreadable),
        strict=True,
    ):
        yield row(metric, count / n, count / n - 0.02, count / n + 0.02, "bootstrap")
        yield row(metric, count / n, *wilson(count, n), "wilson")
    yield row("win_tie_rate", score, *ends, "bootstrap", readable)
    yield row("win_tie_rate", score, *wilson(score * readable, readable), "wilson", readable)
    yield row("win_rate_decided", win / (win + loss), *ends, "bootstrap", win + loss)
    yield row("flip_rate", 0.031, 0.02, 0.045, "bootstrap", readable)
    yield row("first_position_rate", 0.55, 0.52, 0.58, "bootstrap", 2 * readable)
    yield row("p_two_sided", 1e-60, n=win + loss)
    yield row("win_rate_length_controlled", score - 0.05, *ends, "bootstrap", readable)
    for length, value in (("shorter", None), ("similar", score - 0.02), ("longer", score + 0.02)):
        yield row(f"win_tie_rate_{length}", value, n=100)
    for emotion, value in (("angry", score - 0.08), ("happy", score + 0.04)):
        yield row("win_tie_rate", value, value - 0.1, value + 0.06, "bootstrap", 48, emotion)
        for metric, share in (("win_rate", value - 0.02), ("tie_rate", 0.04)):
            yield row(metric, share, n=50, emotion=emotion)
        yield row("loss_rate", 1 - value - 0.04, n=50, emotion=emotion)
        yield row("unreadable_rate", 0.02, n=50, emotion=emotion)
