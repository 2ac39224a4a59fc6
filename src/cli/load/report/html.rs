//! The report as a page that needs nothing else: no script, no font, no image from elsewhere. It is
//! well-formed XML, too.

use crate::cli::load::report::{
    LoopKind, Percentiles, Point, Report,
    plot::{self, Axis, Series, escape},
    shown, table,
};

const STYLE: &str = include_str!("style.css");

pub fn render(report: &Report) -> String {
    let run = &report.run;
    let title = format!("Load on {}", run.server);
    let figures: String = [
        throughput(&report.timeline),
        latency(&report.timeline),
        curve(report),
    ]
    .into_iter()
    .chain(over_steps(report))
    .chain(failures(report))
    .collect();
    let body = format!(
        "<h1>{}</h1>{}{}<div class=\"plots\">{figures}</div>\
         <h2>In numbers</h2><pre>{}</pre><p class=\"foot\">depeche {} · {}</p>",
        escape(&title),
        verdicts(report),
        tiles(report),
        pre(&table::render(report)),
        run.version,
        escape(&run.began),
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
         <title>{}</title><style>{STYLE}</style></head><body>{body}</body></html>\n",
        escape(&title),
    )
}

/// Escaped, with its line breaks.
fn pre(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

fn verdicts(report: &Report) -> String {
    let Some(met) = report.met else {
        return String::new();
    };
    if met {
        return "<p class=\"verdict ok\">All objectives are met.</p>".to_owned();
    }
    let items: String = report
        .missed()
        .iter()
        .map(|what| format!("<li>{}</li>", escape(what)))
        .collect();
    let up_to = match (report.steps.len(), report.capacity()) {
        (1, _) => String::new(),
        (_, Some(part)) => format!("<p>Met up to {}.</p>", escape(&part.load)),
        (_, None) => "<p>Not met by the first step.</p>".to_owned(),
    };
    format!("<div class=\"verdict bad\">Missed:<ul>{items}</ul>{up_to}</div>")
}

fn tiles(report: &Report) -> String {
    let total = &report.total;
    let median = |pick: fn(&Percentiles) -> f64| shown::millis(total.latency_ms.as_ref().map(pick));
    let tiles = [
        ("offered", total.offered.to_string()),
        ("ok", total.ok.to_string()),
        ("errors", total.errors.to_string()),
        ("not sent", total.not_sent.to_string()),
        (
            "goodput",
            format!("{}/s", shown::number(total.goodput_per_second)),
        ),
        ("p50", median(|latency| latency.p50)),
        ("p99", median(|latency| latency.p99)),
        ("max", median(|latency| latency.max)),
    ];
    let tiles: String = tiles
        .iter()
        .map(|(name, value)| format!("<div><b>{}</b><small>{name}</small></div>", escape(value)))
        .collect();
    format!("<div class=\"tiles\">{tiles}</div>")
}

fn throughput(timeline: &[Point]) -> String {
    let series = vec![
        Series {
            name: "ok",
            class: "first",
            points: over_time(timeline, |point| Some(point.ok_per_second)),
        },
        Series {
            name: "goodput",
            class: "good",
            points: over_time(timeline, |point| Some(point.goodput_per_second)),
        },
        Series {
            name: "errors",
            class: "bad",
            points: over_time(timeline, |point| Some(point.errors_per_second)),
        },
    ];
    figure("Throughput", "a second", time_axis(timeline), series)
}

fn latency(timeline: &[Point]) -> String {
    let series = vec![
        Series {
            name: "p50",
            class: "first",
            points: over_time(timeline, |point| point.p50_ms),
        },
        Series {
            name: "p90",
            class: "second",
            points: over_time(timeline, |point| point.p90_ms),
        },
        Series {
            name: "p99",
            class: "third",
            points: over_time(timeline, |point| point.p99_ms),
        },
    ];
    figure("Latency", "ms, good answers", time_axis(timeline), series)
}

fn curve(report: &Report) -> String {
    // The last point, 100%, is where the one before it ends.
    let points: Vec<(f64, f64)> = report
        .latency_curve
        .iter()
        .filter(|point| point.percentile < 100.0)
        .map(|point| (point.percentile / 100.0, point.latency_ms))
        .collect();
    let most = points.iter().map(|(share, _)| *share).fold(0.9, f64::max);
    let series = vec![Series {
        name: "latency",
        class: "first",
        points: points
            .into_iter()
            .map(|(share, latency)| (plot::nines(share), latency))
            .collect(),
    }];
    let x = Axis::percentiles("percent of the good answers", most);
    figure("Latency by percentile", "ms", x, series)
}

/// What happens as the load grows.
fn over_steps(report: &Report) -> Vec<String> {
    if report.steps.len() < 2 {
        return Vec::new();
    }
    let x = || Axis {
        label: match report.run.kind {
            LoopKind::Open => "offered load, step by step".to_owned(),
            LoopKind::Closed => "clients, step by step".to_owned(),
        },
        range: (-0.5, report.steps.len() as f64 - 0.5),
        ticks: report
            .steps
            .iter()
            .enumerate()
            .map(|(step, part)| (step as f64, part.load.clone()))
            .collect(),
    };
    let over = |value: &dyn Fn(&super::Part) -> Option<f64>| -> Vec<(f64, f64)> {
        report
            .steps
            .iter()
            .enumerate()
            .filter_map(|(step, part)| value(part).map(|value| (step as f64, value)))
            .collect()
    };
    let latency = |pick: fn(&Percentiles) -> f64| {
        over(&move |part: &super::Part| part.latency_ms.as_ref().map(pick))
    };
    let throughput = vec![
        Series {
            name: "offered",
            class: "second",
            points: over(&|part| Some(part.offered_per_second)),
        },
        Series {
            name: "ok",
            class: "first",
            points: over(&|part| Some(part.ok_per_second)),
        },
        Series {
            name: "goodput",
            class: "good",
            points: over(&|part| Some(part.goodput_per_second)),
        },
    ];
    let latencies = vec![
        Series {
            name: "p50",
            class: "first",
            points: latency(|latency| latency.p50),
        },
        Series {
            name: "p90",
            class: "second",
            points: latency(|latency| latency.p90),
        },
        Series {
            name: "p99",
            class: "third",
            points: latency(|latency| latency.p99),
        },
    ];
    vec![
        figure("Throughput by load", "a second", x(), throughput),
        figure("Latency by load", "ms, good answers", x(), latencies),
    ]
}

fn failures(report: &Report) -> Option<String> {
    let mut bars: Vec<(String, u64)> = report
        .failures
        .iter()
        .map(|line| (line.code.to_owned(), line.count))
        .collect();
    if report.total.not_sent > 0 {
        bars.push(("not sent".to_owned(), report.total.not_sent));
    }
    (!bars.is_empty()).then(|| plot::bars("Errors by code", &bars))
}

fn figure(title: &str, unit: &str, x: Axis, series: Vec<Series>) -> String {
    let most = series
        .iter()
        .flat_map(|line| &line.points)
        .map(|(_, y)| *y)
        .fold(0.0, f64::max);
    plot::lines(title, &x, &Axis::from_zero(unit, most), &series)
}

fn time_axis(timeline: &[Point]) -> Axis {
    Axis::from_zero(
        "seconds since the start",
        timeline.last().map_or(1.0, |point| point.seconds),
    )
}

fn over_time(timeline: &[Point], value: impl Fn(&Point) -> Option<f64>) -> Vec<(f64, f64)> {
    timeline
        .iter()
        .filter_map(|point| value(point).map(|value| (point.seconds, value)))
        .collect()
}
