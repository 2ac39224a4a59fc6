//! What is going on, on standard error: one line that changes on a terminal, else a line now and
//! then.

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};

use crate::cli::load::{
    record::{Recorder, Tally},
    report::shown,
};

const ON_A_TERMINAL: Duration = Duration::from_millis(500);
const ELSEWHERE: Duration = Duration::from_secs(5);
/// Recent latencies are those of the last slices that cover this.
const RECENT: Duration = Duration::from_secs(2);

/// Where the run is, such as `step 2 of 3`.
pub type Place = Arc<std::sync::Mutex<String>>;

/// Tells until it is dropped.
pub async fn tell(recorder: Arc<Recorder>, place: Place) {
    let terminal = io::stderr().is_terminal();
    let mut ticks = interval(if terminal { ON_A_TERMINAL } else { ELSEWHERE });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // The first comes at once, when there is nothing to tell.
    ticks.tick().await;
    let _line = Line { terminal };
    loop {
        ticks.tick().await;
        let place = place.lock().map(|place| place.clone()).unwrap_or_default();
        if let Some(line) = recorder.look(|tally| line(&place, tally)) {
            let mut stderr = io::stderr();
            // A standard error that is closed has nobody to tell.
            let _ = match terminal {
                true => write!(stderr, "\r\x1b[2K{line}").and_then(|()| stderr.flush()),
                false => writeln!(stderr, "depeche: {line}"),
            };
        }
    }
}

/// Clears the line of a terminal at the end.
struct Line {
    terminal: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.terminal {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}

fn line(place: &str, tally: &Tally) -> String {
    let elapsed = tally.started.elapsed();
    let mut of = String::new();
    if tally.window < Duration::MAX {
        of = format!(" of {:.0}s", tally.window.as_secs_f64());
    }
    let errors: u64 = tally.methods.values().map(|method| method.errors()).sum();
    let slices = (RECENT.as_secs_f64() / tally.slice_width.as_secs_f64()).ceil() as usize;
    // The newest slice is not full yet.
    let recent = tally.slices.iter().rev().skip(1).take(slices.max(1));
    let (mut ok, mut covered, mut worst) = (0, Duration::ZERO, None);
    for slice in recent {
        ok += slice.ok;
        covered += tally.slice_width;
        worst = worst.max(slice.latency.quantile(0.99));
    }
    let rate = match covered.is_zero() {
        true => String::new(),
        false => format!(", {}/s", shown::number(ok as f64 / covered.as_secs_f64())),
    };
    let slow = worst.map_or(String::new(), |worst| {
        format!(", p99 now {}", shown::duration(worst))
    });
    let not_sent = match tally.not_sent {
        0 => String::new(),
        n => format!(", {n} NOT SENT"),
    };
    format!(
        "{place}: {:.0}s{of}: {} sent, {} under way, {errors} errors{not_sent}{rate}{slow}",
        elapsed.as_secs_f64(),
        tally.sent,
        tally.sent.saturating_sub(tally.answered()),
    )
}
