//! Plots as SVG that stands inside a page: lines over two axes, and bars.

use std::fmt::Write;

use crate::cli::load::report::shown;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 40.0;
const BAR: f64 = 26.0;
const BAR_LEFT: f64 = 190.0;

/// A line. Its class is its colour, see the style of the page.
pub struct Series {
    pub name: &'static str,
    pub class: &'static str,
    pub points: Vec<(f64, f64)>,
}

pub struct Axis {
    pub label: String,
    /// The least and the greatest value.
    pub range: (f64, f64),
    /// Where there are marks, and what stands there.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to a round number that is not below `most`.
    pub fn from_zero(label: &str, most: f64) -> Self {
        // Where there is nothing, there is still an axis.
        let most = if most > 0.0 { most } else { 1.0 };
        let step = round_step(most);
        let count = (most / step).ceil().max(1.0) as u32;
        Axis {
            label: label.to_owned(),
            range: (0.0, step * f64::from(count)),
            ticks: (0..=count)
                .map(|n| f64::from(n) * step)
                .map(|at| (at, shown::number(at)))
                .collect(),
        }
    }

    /// Shares of requests, each of 90, 99, 99.9 … % as far from the next. `most` below 1.
    pub fn percentiles(label: &str, most: f64) -> Self {
        let nines = nines(most).max(1.0);
        let mut ticks = vec![(0.0, "0".to_owned()), (nines_of(50.0), "50".to_owned())];
        ticks.extend(
            ["90", "99", "99.9", "99.99", "99.999"]
                .iter()
                .zip(1_u8..)
                .map(|(label, n)| (f64::from(n), (*label).to_owned()))
                .filter(|(at, _)| *at <= nines + 1e-9),
        );
        Axis {
            label: label.to_owned(),
            range: (0.0, nines),
            ticks,
        }
    }

    fn share(&self, value: f64) -> f64 {
        let (from, to) = self.range;
        ((value - from) / (to - from)).clamp(0.0, 1.0)
    }
}

/// Where a share stands on an axis of percentiles: 0.9 at 1, 0.99 at 2.
pub fn nines(share: f64) -> f64 {
    -(1.0 - share).max(1e-9).log10()
}

fn nines_of(percent: f64) -> f64 {
    nines(percent / 100.0)
}

/// 1, 2 or 5 times a power of ten, for about five marks.
fn round_step(most: f64) -> f64 {
    let rough = most / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(rough)
}

/// Lines, with a legend above.
pub fn lines(title: &str, x: &Axis, y: &Axis, series: &[Series]) -> String {
    let at_x = |value: f64| LEFT + x.share(value) * (WIDTH - LEFT - RIGHT);
    let at_y = |value: f64| HEIGHT - BOTTOM - y.share(value) * (HEIGHT - TOP - BOTTOM);
    let mut svg = open(title, HEIGHT);
    for (value, label) in &y.ticks {
        let at = at_y(*value);
        draw(
            &mut svg,
            format_args!(
                r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}"/><text class="tick y" x="{:.1}" y="{:.1}">{}</text>"#,
                WIDTH - RIGHT,
                LEFT - 8.0,
                at + 4.0,
                escape(label),
            ),
        );
    }
    for (value, label) in &x.ticks {
        let at = at_x(*value);
        draw(
            &mut svg,
            format_args!(
                r#"<line class="mark" x1="{at:.1}" x2="{at:.1}" y1="{:.1}" y2="{:.1}"/><text class="tick x" x="{at:.1}" y="{:.1}">{}</text>"#,
                HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 4.0,
                HEIGHT - BOTTOM + 16.0,
                escape(label),
            ),
        );
    }
    draw(
        &mut svg,
        format_args!(
            r#"<text class="label" x="{:.1}" y="{:.1}">{}</text>"#,
            WIDTH - RIGHT,
            HEIGHT - 6.0,
            escape(&x.label),
        ),
    );
    for line in series {
        let points: Vec<String> = line
            .points
            .iter()
            .map(|(x, y)| format!("{:.1},{:.1}", at_x(*x), at_y(*y)))
            .collect();
        // A single point is no line.
        let dots = if points.len() <= 40 {
            points.as_slice()
        } else {
            &[]
        };
        draw(
            &mut svg,
            format_args!(
                r#"<polyline class="{}" points="{}"><title>{}</title></polyline>"#,
                line.class,
                points.join(" "),
                escape(line.name),
            ),
        );
        for ((x, y), dot) in line.points.iter().zip(dots) {
            let (cx, cy) = dot.split_once(',').unwrap_or_default();
            draw(
                &mut svg,
                format_args!(
                    r#"<circle class="{}" cx="{cx}" cy="{cy}" r="2.5"><title>{}: {} at {}</title></circle>"#,
                    line.class,
                    escape(line.name),
                    shown::number(*y),
                    shown::number(*x),
                ),
            );
        }
    }
    svg.push_str("</svg>");
    let legend: String = series
        .iter()
        .map(|line| {
            format!(
                r#"<span class="{}"><i></i>{}</span>"#,
                line.class,
                escape(line.name)
            )
        })
        .collect();
    format!(
        r#"<figure><figcaption><b>{}</b> <small>{}</small><span class="legend">{legend}</span></figcaption>{svg}</figure>"#,
        escape(title),
        escape(&y.label),
    )
}

/// A bar a line, the longest over the whole width.
pub fn bars(title: &str, bars: &[(String, u64)]) -> String {
    let most = bars.iter().map(|(_, count)| *count).max().unwrap_or(1);
    let height = BAR * bars.len() as f64;
    let mut svg = open(title, height);
    for (index, (label, count)) in bars.iter().enumerate() {
        let top = BAR * index as f64;
        let share = *count as f64 / most.max(1) as f64;
        draw(
            &mut svg,
            format_args!(
                r#"<text class="tick y" x="{:.1}" y="{:.1}">{}</text><rect class="bad" x="{BAR_LEFT}" y="{:.1}" width="{:.1}" height="{:.1}"/><text class="tick" x="{:.1}" y="{:.1}">{count}</text>"#,
                BAR_LEFT - 8.0,
                top + BAR * 0.66,
                escape(label),
                top + 4.0,
                share * (WIDTH - BAR_LEFT - 80.0),
                BAR - 8.0,
                BAR_LEFT + share * (WIDTH - BAR_LEFT - 80.0) + 8.0,
                top + BAR * 0.66,
            ),
        );
    }
    svg.push_str("</svg>");
    format!(
        "<figure><figcaption><b>{}</b></figcaption>{svg}</figure>",
        escape(title)
    )
}

fn open(title: &str, height: f64) -> String {
    format!(
        r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{}">"#,
        escape(title)
    )
}

fn draw(svg: &mut String, what: std::fmt::Arguments) {
    // Writing to a string cannot fail.
    let _ = svg.write_fmt(what);
}

/// Text as it may stand in an element or between quotation marks.
pub fn escape(text: &str) -> String {
    text.chars()
        // Control characters may stand in neither HTML nor XML.
        .filter(|c| !c.is_control())
        .fold(String::with_capacity(text.len()), |mut out, c| {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                c => out.push(c),
            }
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_above_the_greatest_value() {
        for (most, end, marks) in [
            (0.0, 1.0, 6),
            (7.0, 8.0, 5),
            (10.0, 10.0, 6),
            (11.0, 15.0, 4),
            (93.0, 100.0, 6),
            (412.0, 500.0, 6),
        ] {
            let axis = Axis::from_zero("", most);
            assert!(
                (axis.range.1 - end).abs() < 1e-9,
                "{most}: {:?}",
                axis.range
            );
            assert_eq!(axis.ticks.len(), marks, "{most}: {:?}", axis.ticks);
        }
    }

    #[test]
    fn percentiles_are_as_far_apart_as_their_nines() {
        let axis = Axis::percentiles("", 0.9995);
        let labels: Vec<&str> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["0", "50", "90", "99", "99.9"]);
        assert!((nines(0.99) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            escape("<a href=\"x\">&\u{1}"),
            "&lt;a href=&quot;x&quot;&gt;&amp;"
        );
    }
}
