//! The report as a table on a terminal.

use crate::cli::load::report::{LoopKind, Percentiles, Report, shown};

/// The generator's own lateness is told from this on: it is part of every latency.
const LAG_TOLD_FROM_MS: f64 = 2.0;

pub fn render(report: &Report) -> String {
    let mut parts = vec![heading(report), steps(report), methods(report)];
    parts.extend(failures(report));
    parts.extend(objectives(report));
    parts.extend(notes(report));
    parts.join("\n")
}

fn heading(report: &Report) -> String {
    let run = &report.run;
    let how = match (run.kind, &run.arrivals) {
        (LoopKind::Open, Some(arrivals)) => format!("open loop, {arrivals} arrivals"),
        (LoopKind::Open, None) => "open loop".to_owned(),
        (LoopKind::Closed, _) => "closed loop".to_owned(),
    };
    let articles = match run.articles {
        1 => "1 article".to_owned(),
        n => format!("{n} articles"),
    };
    let warmup = match run.warmup_seconds {
        0.0 => String::new(),
        seconds => format!(" after {} s of warm-up", shown::number(seconds)),
    };
    let interrupted = match run.interrupted {
        true => " (interrupted)",
        false => "",
    };
    format!(
        "{}: {how}, {} s{warmup}{interrupted}; {}; {articles}, {} characters; seed {}\n",
        run.server,
        shown::number(report.total.seconds),
        run.mix,
        run.article_characters,
        run.seed,
    )
}

/// A line a step. Their total would be a mixture of different loads.
fn steps(report: &Report) -> String {
    let judged = report.met.is_some();
    let mut rows = vec![row(&[
        "load",
        "offered/s",
        "ok/s",
        "goodput/s",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
        "ok",
        "late",
        "errors",
        "not sent",
    ])];
    if judged {
        rows[0].push("objectives".to_owned());
    }
    for part in &report.steps {
        let mut cells = vec![
            part.load.clone(),
            shown::number(part.offered_per_second),
            shown::number(part.ok_per_second),
            shown::number(part.goodput_per_second),
        ];
        cells.extend(percentiles(part.latency_ms.as_ref()));
        cells.extend(
            [part.ok, part.late, part.errors, part.not_sent]
                .iter()
                .map(u64::to_string),
        );
        if judged {
            cells.push(if part.met() { "met" } else { "missed" }.to_owned());
        }
        rows.push(cells);
    }
    columns(&rows)
}

fn methods(report: &Report) -> String {
    let mut rows = vec![row(&[
        "method",
        "ok",
        "errors",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "max",
        "first text p50",
        "p99",
        "sentences/s",
        "characters/s",
    ])];
    let per_second = |count: u64| match report.total.seconds {
        0.0 => "–".to_owned(),
        seconds => shown::number(count as f64 / seconds),
    };
    for method in &report.methods {
        let mut cells = vec![
            method.method.to_string(),
            method.ok.to_string(),
            method.errors.to_string(),
        ];
        cells.extend(percentiles(method.latency_ms.as_ref()));
        let first = method.first_text_ms.as_ref();
        cells.push(shown::millis(first.map(|first| first.p50)));
        cells.push(shown::millis(first.map(|first| first.p99)));
        cells.push(per_second(method.sentences));
        cells.push(per_second(method.characters));
        rows.push(cells);
    }
    columns(&rows)
}

fn failures(report: &Report) -> Option<String> {
    let lines: Vec<String> = report
        .failures
        .iter()
        .map(|line| format!("{} × {}: {}\n", line.count, line.code, line.message))
        .collect();
    (!lines.is_empty()).then(|| lines.concat())
}

fn objectives(report: &Report) -> Option<String> {
    let met = report.met?;
    let mut lines = Vec::new();
    match report.steps.as_slice() {
        [only] => lines.extend(only.slo.iter().map(|verdict| {
            let word = if verdict.met { "met" } else { "missed" };
            format!("{} {word}: {}\n", verdict.objective, verdict.measured)
        })),
        _ if met => lines.push("every step met every objective\n".to_owned()),
        _ => {
            lines.extend(
                report
                    .missed()
                    .iter()
                    .map(|what| format!("missed {what}\n")),
            );
            lines.push(match report.capacity() {
                Some(part) => format!("met up to {}\n", part.load),
                None => "not met by the first step\n".to_owned(),
            });
        }
    }
    Some(lines.concat())
}

/// What a reader must know to trust the numbers.
fn notes(report: &Report) -> Option<String> {
    let mut lines = Vec::new();
    if report.total.not_sent > 0 {
        lines.push(format!(
            "NOT SENT: {} of {} requests, for too many were under way (--max-outstanding); no \
             latency has them\n",
            report.total.not_sent, report.total.offered
        ));
    }
    if let Some(lag) = &report.generator_lag_ms
        && lag.p99 >= LAG_TOLD_FROM_MS
    {
        lines.push(format!(
            "the generator itself was late: p50 {}, p99 {}; latencies have that in them\n",
            shown::millis(Some(lag.p50)),
            shown::millis(Some(lag.p99))
        ));
    }
    (!lines.is_empty()).then(|| lines.concat())
}

pub fn percentiles(latency: Option<&Percentiles>) -> [String; 5] {
    let shown = |pick: fn(&Percentiles) -> f64| shown::millis(latency.map(pick));
    [
        shown(|latency| latency.p50),
        shown(|latency| latency.p90),
        shown(|latency| latency.p99),
        shown(|latency| latency.p999),
        shown(|latency| latency.max),
    ]
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// The first column to the left, the others to the right.
fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, cell)| match column {
                0 => format!("{cell:<width$}", width = width(0)),
                _ => format!("{cell:>width$}", width = width(column)),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
