//! How far a pull is, on standard error: bars for a person at a terminal, else a line now and then.

use std::{
    io::{self, IsTerminal, Write},
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{
    BinaryBytes, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle,
};

use crate::catalog::Progress;

/// Time between two lines about one model.
const BETWEEN: Duration = Duration::from_secs(5);

/// What fits standard error.
pub fn on_stderr() -> Box<dyn Progress> {
    match io::stderr().is_terminal() {
        true => Box::new(Bars::default()),
        false => Box::new(Lines::default()),
    }
}

/// Bytes of a model: of the files before, and of the one under way.
#[derive(Default)]
struct Count {
    id: String,
    total: Option<u64>,
    before: u64,
    file: String,
    have: u64,
}

impl Count {
    fn next(&mut self, name: &str) {
        self.before += self.have;
        self.have = 0;
        self.file = name.to_owned();
    }

    fn all(&self) -> u64 {
        self.before + self.have
    }
}

/// A bar for the file and one for all of the model.
#[derive(Default)]
struct Bars(Mutex<Option<Drawn>>);

struct Drawn {
    screen: MultiProgress,
    file: ProgressBar,
    all: ProgressBar,
    count: Count,
}

const WITH_END: &str =
    "{prefix:28!} {bar:24} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left";
const WITHOUT_END: &str = "{prefix:28!} {spinner} {binary_bytes} {binary_bytes_per_sec}";

impl Progress for Bars {
    fn begin(&self, id: &str, total: Option<u64>) {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let file = screen.add(bar(None));
        let all = screen.add(bar(total).with_prefix(format!("{id}, all")));
        let count = Count::default();
        let drawn = Drawn {
            screen,
            file,
            all,
            count,
        };
        self.with(|place| *place = Some(drawn));
    }

    fn file(&self, name: &str) {
        self.with(|place| {
            if let Some(drawn) = place {
                drawn.count.next(name);
                let fresh = bar(None).with_prefix(name.to_owned());
                drawn.screen.remove(&drawn.file);
                drawn.file = drawn.screen.insert_before(&drawn.all, fresh);
            }
        });
    }

    fn position(&self, bytes: u64, total: Option<u64>) {
        self.with(|place| {
            let Some(drawn) = place else { return };
            if drawn.file.length() != total {
                if let Some(total) = total {
                    drawn.file.set_style(style(Some(total)));
                    drawn.file.set_length(total);
                }
                // What was there before is no sign of speed.
                drawn.file.set_position(bytes);
                drawn.file.reset_eta();
            }
            drawn.count.have = bytes;
            drawn.file.set_position(bytes);
            drawn.all.set_position(drawn.count.all());
        });
    }

    fn note(&self, text: &str) {
        self.with(|place| match place {
            Some(drawn) => {
                // Hidden bars print nothing; the terminal was there when they were made.
                let _ = drawn.screen.println(format!("depeche: {text}"));
            }
            None => say(text),
        });
    }

    fn end(&self) {
        self.with(|place| {
            if let Some(drawn) = place.take() {
                drawn.file.finish_and_clear();
                drawn.all.finish_and_clear();
            }
        });
    }
}

impl Bars {
    fn with(&self, change: impl FnOnce(&mut Option<Drawn>)) {
        change(
            &mut self
                .0
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        );
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let bar = match total {
        Some(total) => ProgressBar::new(total),
        None => ProgressBar::no_length(),
    };
    bar.with_style(style(total))
}

fn style(total: Option<u64>) -> ProgressStyle {
    let template = match total {
        Some(_) => WITH_END,
        None => WITHOUT_END,
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A line every few seconds.
#[derive(Default)]
struct Lines(Mutex<Told>);

#[derive(Default)]
struct Told {
    count: Count,
    /// When the last line was printed, or the model begun, and how many bytes there were then.
    last: Option<(Instant, u64)>,
}

impl Progress for Lines {
    fn begin(&self, id: &str, total: Option<u64>) {
        self.with(|told| {
            told.count = Count {
                id: id.to_owned(),
                total,
                ..Count::default()
            };
            told.last = None;
        });
    }

    fn file(&self, name: &str) {
        self.with(|told| told.count.next(name));
    }

    fn position(&self, bytes: u64, _: Option<u64>) {
        self.with(|told| {
            told.count.have = bytes;
            let (now, all) = (Instant::now(), told.count.all());
            let Some((then, before)) = told.last else {
                told.last = Some((now, all));
                return;
            };
            let passed = now.duration_since(then);
            if passed >= BETWEEN {
                let rate = all.saturating_sub(before) as f64 / passed.as_secs_f64();
                say(&line(&told.count, rate));
                told.last = Some((now, all));
            }
        });
    }

    fn note(&self, text: &str) {
        say(text);
    }

    fn end(&self) {}
}

impl Lines {
    fn with(&self, change: impl FnOnce(&mut Told)) {
        change(
            &mut self
                .0
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()),
        );
    }
}

/// `rate` in bytes a second.
fn line(count: &Count, rate: f64) -> String {
    let (all, speed) = (count.all(), BinaryBytes(rate as u64));
    let done = match count.total {
        Some(total) => format!("{} of {}", BinaryBytes(all), BinaryBytes(total)),
        None => BinaryBytes(all).to_string(),
    };
    let left = count.total.filter(|_| rate >= 1.0).map(|total| {
        let seconds = total.saturating_sub(all) as f64 / rate;
        format!(
            ", {} left",
            HumanDuration(Duration::from_secs_f64(seconds.min(1e9)))
        )
    });
    format!(
        "{}: {}: {done}, {speed}/s{}",
        count.id,
        count.file,
        left.unwrap_or_default()
    )
}

fn say(text: &str) {
    // A standard error that is closed has nobody to tell.
    let _ = writeln!(io::stderr(), "depeche: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_is_done_the_rate_and_the_time_left() {
        let mut count = Count {
            id: "en-de".into(),
            total: Some(30 << 20),
            ..Count::default()
        };
        count.next("vocab.spm");
        count.have = 10 << 20;
        count.next("model.bin");
        count.have = 5 << 20;
        assert_eq!(
            line(&count, f64::from(5 << 20)),
            "en-de: model.bin: 15.00 MiB of 30.00 MiB, 5.00 MiB/s, 3 seconds left"
        );
        count.total = None;
        assert_eq!(line(&count, 0.0), "en-de: model.bin: 15.00 MiB, 0 B/s");
    }
}
