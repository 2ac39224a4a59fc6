//! How much load, and for how long: the phases of a run.

use std::{fmt, str::FromStr, time::Duration};

/// What a part of a run does to the service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Load {
    /// Closed loop: so many clients, each asks again as soon as it is answered.
    Clients(Span),
    /// Open loop: so many requests a second, answered or not.
    Rate(Span),
}

/// From one value to another, evenly over the time of a phase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub from: f64,
    pub to: f64,
}

impl Span {
    pub fn constant(value: f64) -> Self {
        Span {
            from: value,
            to: value,
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (span, unit) = match self {
            Load::Clients(span) if span.to == 1.0 && span.from == 1.0 => (span, " client"),
            Load::Clients(span) => (span, " clients"),
            Load::Rate(span) => (span, "/s"),
        };
        if span.from != span.to {
            write!(f, "{}..", span.from)?;
        }
        write!(f, "{}{unit}", span.to)
    }
}

/// One part of a run. Nothing of the part before is under way when it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    pub load: Load,
    /// Requests begin no later than this after the phase's start.
    pub time: Option<Duration>,
    /// No more requests than this.
    pub requests: Option<u64>,
}

/// How requests of the open loop follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Arrivals {
    /// Independently of each other, as those of many people do
    Poisson,
    /// At even distances
    Constant,
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Arrivals::Poisson => "Poisson",
            Arrivals::Constant => "constant",
        })
    }
}

/// When the requests of an open loop begin, counted from the start of their phase.
///
/// With the rate λ(t) = from + k·t, the expected number of arrivals until t is
/// Λ(t) = from·t + k·t²/2. Arrivals at Λ⁻¹ of 0, 1, 2, … are even; at Λ⁻¹ of sums of exponentially
/// distributed numbers they are a Poisson process, also where the rate changes.
#[derive(Debug)]
pub struct Schedule {
    from: f64,
    /// How much the rate grows a second.
    slope: f64,
    end: Duration,
    left: u64,
    /// Λ of the next arrival.
    position: f64,
    arrivals: Arrivals,
    random: fastrand::Rng,
}

impl Schedule {
    pub fn new(rate: Span, phase: &Phase, arrivals: Arrivals, random: fastrand::Rng) -> Self {
        let end = phase.time.unwrap_or(Duration::MAX);
        let mut schedule = Schedule {
            from: rate.from,
            slope: (rate.to - rate.from) / end.as_secs_f64(),
            end,
            left: phase.requests.unwrap_or(u64::MAX),
            position: 0.0,
            arrivals,
            random,
        };
        if arrivals == Arrivals::Poisson {
            schedule.advance();
        }
        schedule
    }

    fn advance(&mut self) {
        self.position += match self.arrivals {
            Arrivals::Constant => 1.0,
            // 1 - u is never 0.
            Arrivals::Poisson => -(1.0 - self.random.f64()).ln(),
        };
    }

    /// Λ⁻¹: none when a falling rate ends before.
    fn time_of(&self, position: f64) -> Option<Duration> {
        if position == 0.0 {
            return Some(Duration::ZERO);
        }
        let root = (self.from * self.from + 2.0 * self.slope * position).sqrt();
        let seconds = 2.0 * position / (self.from + root);
        Duration::try_from_secs_f64(seconds).ok()
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let at = self.time_of(self.position)?;
        if self.left == 0 || at >= self.end {
            return None;
        }
        self.left -= 1;
        self.advance();
        Some(at)
    }
}

/// `50/s`, `50`, `3000/min`, `0.5/s`: requests a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate(pub f64);

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, per) = split_unit(text)?;
        positive(number).map(|n| Rate(n / per.unwrap_or(1.0)))
    }
}

/// `10,20,40/s` in requests a second, `1,2,4` in clients: one load after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps(pub Vec<Load>);

impl FromStr for Steps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let last = text.rsplit(',').next().unwrap_or(text);
        let (_, unit) = split_unit(last)?;
        let steps = text.split(',').map(|step| {
            let (number, own) = split_unit(step)?;
            let load = match own.or(unit) {
                Some(per) => Load::Rate(Span::constant(positive(number)? / per)),
                None => Load::Clients(Span::constant(clients(number)?)),
            };
            // `10/s,20` may mean either.
            match own.is_some() && unit.is_none() {
                true => Err(format!("{text:?}: the last step has no unit of time")),
                false => Ok(load),
            }
        });
        steps.collect::<Result<_, _>>().map(Steps)
    }
}

/// `0..100/s` in requests a second, `1..64` in clients: growing or falling evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp(pub Load);

impl FromStr for Ramp {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text
            .split_once("..")
            .ok_or_else(|| format!("{text:?} is not like 0..100/s or 1..64"))?;
        let (to, per) = split_unit(to)?;
        let span = |parse: fn(&str) -> Result<f64, String>| {
            let or_zero = |number: &str| match number.trim() {
                "0" => Ok(0.0),
                number => parse(number),
            };
            let (from, to) = (or_zero(from)?, or_zero(to)?);
            match from == to {
                true => Err(format!("{text:?} goes nowhere")),
                false => Ok(Span { from, to }),
            }
        };
        Ok(Ramp(match per {
            Some(per) => {
                let span = span(positive)?;
                Load::Rate(Span {
                    from: span.from / per,
                    to: span.to / per,
                })
            }
            None => Load::Clients(span(clients)?),
        }))
    }
}

/// The number before, and the seconds after, the slash.
fn split_unit(text: &str) -> Result<(&str, Option<f64>), String> {
    let Some((number, unit)) = text.split_once('/') else {
        return Ok((text, None));
    };
    match unit.trim() {
        "s" => Ok((number, Some(1.0))),
        "min" => Ok((number, Some(60.0))),
        "h" => Ok((number, Some(3600.0))),
        other => Err(format!("{other:?} is none of the units s, min, h")),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(n) if n.is_finite() && n > 0.0 => Ok(n),
        _ => Err(format!("{text:?} is not a number above 0")),
    }
}

fn clients(text: &str) -> Result<f64, String> {
    match text.trim().parse::<u32>() {
        Ok(n) if n > 0 => Ok(f64::from(n)),
        _ => Err(format!(
            "{text:?} is not a number of clients (requests a second end with /s)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(from: f64, to: f64, seconds: u64, arrivals: Arrivals) -> Schedule {
        let phase = Phase {
            load: Load::Rate(Span { from, to }),
            time: Some(Duration::from_secs(seconds)),
            requests: None,
        };
        Schedule::new(
            Span { from, to },
            &phase,
            arrivals,
            fastrand::Rng::with_seed(7),
        )
    }

    #[test]
    fn rates_are_read_with_their_units() {
        for (text, expected) in [
            ("50/s", Some(50.0)),
            ("50", Some(50.0)),
            ("3000/min", Some(50.0)),
            ("0.5/s", Some(0.5)),
            ("7200/h", Some(2.0)),
            ("0/s", None),
            ("-1/s", None),
            ("50/day", None),
            ("fast", None),
            ("inf/s", None),
            ("", None),
        ] {
            let read = text.parse::<Rate>().ok().map(|rate| rate.0);
            assert_eq!(read, expected, "{text:?}");
        }
    }

    #[test]
    fn steps_are_clients_unless_the_last_has_a_unit_of_time() {
        let shown = |text: &str| {
            text.parse::<Steps>()
                .map(|steps| steps.0.iter().map(Load::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            shown("10,20,40").unwrap(),
            ["10 clients", "20 clients", "40 clients"]
        );
        assert_eq!(shown("10, 20.5 /s").unwrap(), ["10/s", "20.5/s"]);
        assert_eq!(shown("60,120/min").unwrap(), ["1/s", "2/s"]);
        assert_eq!(shown("10/s,20/s").unwrap(), ["10/s", "20/s"]);
        for wrong in ["", "1,,2", "1.5", "0", "10/s,20", "a/s"] {
            assert!(shown(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_ramp_goes_from_one_load_to_another() {
        let shown = |text: &str| text.parse::<Ramp>().map(|ramp| ramp.0.to_string());
        assert_eq!(shown("0..100/s").unwrap(), "0..100/s");
        assert_eq!(shown("64..1").unwrap(), "64..1 clients");
        for wrong in ["5", "5..5/s", "1..x/s", "..", "1..2.5"] {
            assert!(shown(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn constant_arrivals_are_evenly_spaced_and_as_many_as_the_rate_says() {
        let times: Vec<_> = schedule(50.0, 50.0, 2, Arrivals::Constant).collect();
        assert_eq!(times.len(), 100);
        assert_eq!(times[0], Duration::ZERO);
        assert!(times.windows(2).all(|pair| {
            (pair[1] - pair[0]).abs_diff(Duration::from_millis(20)) < Duration::from_micros(1)
        }));
    }

    #[test]
    fn poisson_arrivals_have_the_mean_and_the_spread_of_a_poisson_process() {
        let times: Vec<_> = schedule(100.0, 100.0, 100, Arrivals::Poisson).collect();
        // 10,000 are expected with a standard deviation of 100.
        assert!(times.len().abs_diff(10_000) < 400, "{}", times.len());
        let gaps: Vec<f64> = times
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).as_secs_f64())
            .collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // The standard deviation of exponential distances is their mean.
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.1);
    }

    #[test]
    fn a_ramp_has_half_of_its_requests_in_the_last_three_tenths() {
        let times: Vec<_> = schedule(0.0, 100.0, 10, Arrivals::Constant).collect();
        assert_eq!(times.len(), 500);
        let late = times.iter().filter(|time| time.as_secs_f64() > 7.071);
        assert!(late.count().abs_diff(250) <= 1);
        // And the other way round.
        let falling = schedule(100.0, 0.0, 10, Arrivals::Constant).count();
        assert!(falling.abs_diff(500) <= 1, "{falling}");
    }

    #[test]
    fn the_same_seed_gives_the_same_arrivals() {
        let times = || schedule(20.0, 20.0, 5, Arrivals::Poisson).collect::<Vec<_>>();
        assert_eq!(times(), times());
    }

    #[test]
    fn a_limit_of_requests_ends_an_endless_schedule() {
        let phase = Phase {
            load: Load::Rate(Span::constant(5.0)),
            time: None,
            requests: Some(12),
        };
        let rng = fastrand::Rng::with_seed(1);
        let times = Schedule::new(Span::constant(5.0), &phase, Arrivals::Constant, rng);
        assert_eq!(times.count(), 12);
    }
}
