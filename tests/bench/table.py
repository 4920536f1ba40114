"""Turns measurements into what a person reads: a table, ratios, and targets with pass or miss."""

from statistics import median

# of the steered agent over HTTP/1, from the project's plan
IDLE_CONNECTIONS = 9000
IDLE_BYTES = 4096
START_BYTES = 25 * 1000 * 1000

FIELDS = {
    "requests_per_second": ("req/s", "{:.0f}"),
    "p50_us": ("p50 us", "{:.0f}"),
    "p99_us": ("p99 us", "{:.0f}"),
    "mean_us": ("mean us", "{:.0f}"),
    "cpu_us_per_request": ("CPU us/req", "{:.1f}"),
    "rss_bytes": ("RSS MB", "{:.1f}"),
}
OTHERS = ("envoy", "haproxy")


def medians(rounds):
    """The median of each measure over the rounds."""
    return {name: None if rounds[0][name] is None else median(each[name] for each in rounds) for name in rounds[0]}


def cell(value, form, name):
    if value is None:
        return "-"
    return form.format(value / 1e6 if name == "rss_bytes" else value)


def aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [text.rjust(width) for text, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def cost_table(part, results, shape):
    """One line per subject, with its ratios against Envoy and HAProxy, or against none where they cannot be measured."""
    names = ["requests_per_second", *part.latencies, "cpu_us_per_request", "rss_bytes"]
    compared = ["requests_per_second", "cpu_us_per_request", *part.latencies[:1]]
    short = {"requests_per_second": "req/s", "cpu_us_per_request": "CPU", **{name: name[:-3] for name in part.latencies[:1]}}
    others = [other for other in OTHERS if other in part.subjects] or ["direct"]
    rows = [[f"{part.title}, {shape}", *(FIELDS[name][0] for name in names),
             *(f"{short[name]}:{other}" for name in compared for other in others)]]
    for subject in results.values():
        values = subject["load"][str(shape)]
        row = [subject["title"], *(cell(values[name], FIELDS[name][1], name) for name in names)]
        row += [cell(ratio(results, subject["key"], other, name, shape), "{:.2f}", "")
                for name in compared for other in others]
        rows.append(row)
    return aligned(rows)


def ratio(results, key, other, name, shape):
    """The median of the ratios within each round: what disturbs a whole round disturbs both sides of it."""
    if other not in results or key not in results:
        return None
    pairs = zip(*(results[which]["rounds"][str(shape)] for which in (key, other)))
    ratios = [value[name] / base[name] for value, base in pairs if value[name] is not None and base[name]]
    return median(ratios) if ratios else None


def idle_table(part, results):
    rows = [[f"idle: {part.held}", "held", "bytes each", "RSS at start MB", "RSS held MB"]]
    for subject in results.values():
        idle = subject.get("idle")
        if idle:
            rows.append([subject["title"], str(idle["held"]), f"{idle['bytes_each']:.0f}",
                         f"{subject['rss_at_start'] / 1e6:.1f}", f"{idle['rss_held'] / 1e6:.1f}"])
    if part.hold is None:
        return ""
    return aligned(rows) if len(rows) > 1 else f"idle: no {part.held} were measured"


def targets(part, results):
    """What was to be reached, what was, and pass or miss; empty where the agent was not measured steered."""
    if "flowfold" not in results:
        return []
    found = []
    for wanted in part.targets:
        value = ratio(results, "flowfold", wanted.other, wanted.measure, wanted.shape)
        if value is not None:
            title = f"{part.title}, {wanted.title}, {wanted.shape}, against {wanted.other}"
            found.append(target(title, value, wanted.way, wanted.bound, "{:.2f}"))
    agent = results["flowfold"]
    if part.key == "h1":
        if "idle" in agent:
            held, each = agent["idle"]["held"], agent["idle"]["bytes_each"]
            found.append(target("idle connections relayed", held, "least", IDLE_CONNECTIONS, "{:.0f}"))
            found.append(target("bytes per idle connection", each, "most", IDLE_BYTES, "{:.0f}"))
        found.append(target("RSS at start, MB", agent["rss_at_start"] / 1e6, "most", START_BYTES / 1e6, "{:.1f}"))
    return found


def target(title, value, way, bound, form):
    met = value >= bound if way == "least" else value <= bound
    return {"target": title, "value": value, "bound": bound, "way": way, "met": met,
            "shown": form.format(value), "wanted": f"at {way} {bound:g}"}


def targets_table(found):
    rows = [["target", "reached", "wanted", ""]]
    rows += [[each["target"], each["shown"], each["wanted"], "pass" if each["met"] else "miss"] for each in found]
    return aligned(rows)
