//! Objectives, and whether they are met.

use std::{fmt, str::FromStr, time::Duration};

use humantime_serde::re::humantime;
use serde::Serialize;

use crate::cli::load::{record::Latencies, report::shown};

/// One objective, such as `p99=800ms`.
#[derive(Clone, Debug, PartialEq)]
enum Objective {
    /// This share of all requests is answered within that time. A request that failed or was not
    /// sent was not answered within any time.
    Latency {
        name: String,
        share: f64,
        within: Duration,
    },
    /// At most this share of all requests fails or is not sent.
    Errors { share: f64 },
    /// At least so many good answers a second.
    Goodput { per_second: f64 },
}

/// `p99=800ms,errors=0.1%,goodput=40/s`.
#[derive(Clone, Debug, PartialEq)]
pub struct Slo(Vec<Objective>);

/// What an objective came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    pub objective: String,
    pub measured: String,
    pub met: bool,
}

/// What verdicts are about.
pub struct Measured<'a> {
    pub offered: u64,
    /// Of good answers, late or not.
    pub latency: &'a Latencies,
    pub goodput_per_second: f64,
}

impl FromStr for Slo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(|part| {
                let (name, limit) = part
                    .split_once('=')
                    .ok_or_else(|| format!("{part:?} is not like p99=800ms or errors=0.1%"))?;
                objective(name.trim(), limit.trim())
            })
            .collect::<Result<_, _>>()
            .map(Slo)
    }
}

fn objective(name: &str, limit: &str) -> Result<Objective, String> {
    let number = |text: &str| {
        text.trim()
            .parse::<f64>()
            .ok()
            .filter(|n| n.is_finite() && *n >= 0.0)
            .ok_or_else(|| format!("{name}={limit}: {text:?} is not a number"))
    };
    match name {
        "errors" => {
            let percent = limit
                .strip_suffix('%')
                .ok_or_else(|| format!("{name}={limit}: give a percentage, such as 0.1%"))?;
            let share = number(percent)? / 100.0;
            if share > 1.0 {
                return Err(format!("{name}={limit}: there are no more than 100%"));
            }
            Ok(Objective::Errors { share })
        }
        "goodput" => {
            let per_second = limit.strip_suffix("/s").unwrap_or(limit);
            Ok(Objective::Goodput {
                per_second: number(per_second)?,
            })
        }
        _ => {
            let share = share(name).ok_or_else(|| {
                format!("{name:?} is none of p50, p90, p99, p99.9, max, errors, goodput")
            })?;
            let within = humantime::parse_duration(limit)
                .map_err(|error| format!("{name}={limit}: {error}"))?;
            Ok(Objective::Latency {
                name: name.to_owned(),
                share,
                within,
            })
        }
    }
}

/// 0.99 of `p99`, 0.999 of `p999` and `p99.9`, 1 of `max`.
fn share(name: &str) -> Option<f64> {
    if name == "max" {
        return Some(1.0);
    }
    let digits = name.strip_prefix('p')?;
    // p999 is p99.9, but p101 nothing.
    if digits.len() > 2 && !digits.contains('.') && !digits.starts_with("99") {
        return None;
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or_else(|| {
        let two = digits.len().min(2);
        digits.split_at_checked(two).unwrap_or((digits, ""))
    });
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    (whole.len() == 2 && all_digits(whole) && all_digits(fraction))
        .then(|| format!("0.{whole}{fraction}").parse().ok())
        .flatten()
        .filter(|share| *share > 0.0)
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Objective::Latency { name, within, .. } => {
                write!(f, "{name}={}", humantime::format_duration(*within))
            }
            Objective::Errors { share } => write!(f, "errors={}", percent(*share)),
            Objective::Goodput { per_second } => write!(f, "goodput={per_second}/s"),
        }
    }
}

impl Slo {
    pub fn verdicts(&self, measured: &Measured) -> Vec<Verdict> {
        self.0
            .iter()
            .map(|objective| {
                let (met, told) = objective.judge(measured);
                Verdict {
                    objective: objective.to_string(),
                    measured: told,
                    met,
                }
            })
            .collect()
    }
}

impl Objective {
    fn judge(&self, measured: &Measured) -> (bool, String) {
        let ok = measured.latency.0.len();
        let failed = measured.offered.saturating_sub(ok);
        if measured.offered == 0 {
            return (false, "no requests".to_owned());
        }
        let failed_share = failed as f64 / measured.offered as f64;
        match self {
            Objective::Latency { share, within, .. } => {
                // The rank of the request that decides. 0.99 of 100 is to be 99, not 99.00…01.
                let rank = (share * measured.offered as f64 - 1e-6).ceil().max(1.0);
                let latency = match rank <= ok as f64 {
                    true => measured.latency.quantile(rank / ok as f64),
                    false => None,
                };
                match latency {
                    Some(latency) => (latency <= *within, shown::duration(latency)),
                    None => (
                        false,
                        format!("never: {} got no good answer", percent(failed_share)),
                    ),
                }
            }
            Objective::Errors { share } => (failed_share <= *share, percent(failed_share)),
            Objective::Goodput { per_second } => (
                measured.goodput_per_second >= *per_second,
                format!("{}/s", shown::number(measured.goodput_per_second)),
            ),
        }
    }
}

fn percent(share: f64) -> String {
    format!("{}%", shown::number(share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(millis: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies(hdrhistogram::Histogram::new(3).unwrap());
        for latency in millis {
            latencies.0.record(latency * 1000).unwrap();
        }
        latencies
    }

    fn met(slo: &str, offered: u64, latency: &Latencies) -> Vec<(bool, String)> {
        let slo: Slo = slo.parse().unwrap();
        let measured = Measured {
            offered,
            latency,
            goodput_per_second: 12.5,
        };
        slo.verdicts(&measured)
            .into_iter()
            .map(|verdict| (verdict.met, verdict.measured))
            .collect()
    }

    #[test]
    fn objectives_are_read_and_written_back() {
        for (text, expected) in [
            ("p99=800ms", "p99=800ms"),
            (" p50 = 1s , max=1m ", "p50=1s,max=1m"),
            ("p999=2s,p99.9=2s,p95=1s", "p999=2s,p99.9=2s,p95=1s"),
            ("errors=0.1%,goodput=40/s", "errors=0.1%,goodput=40/s"),
            ("goodput=40", "goodput=40/s"),
        ] {
            let slo: Slo = text.parse().unwrap();
            let written: Vec<String> = slo.0.iter().map(Objective::to_string).collect();
            assert_eq!(written.join(","), expected);
        }
        for wrong in [
            "",
            "p99",
            "p99=",
            "p99=fast",
            "p=1s",
            "p1=1s",
            "pxx=1s",
            "p00=1s",
            "mean=1s",
            "errors=1",
            "errors=x%",
            "errors=-1%",
            "goodput=x/s",
        ] {
            assert!(wrong.parse::<Slo>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_of_percentiles_are_shares() {
        for (name, expected) in [
            ("p50", 0.5),
            ("p99", 0.99),
            ("p999", 0.999),
            ("p9999", 0.9999),
            ("p99.9", 0.999),
            ("max", 1.0),
        ] {
            assert_eq!(share(name), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_latency_objective_is_met_up_to_the_rank_that_decides() {
        // 1, 2, … 100 ms.
        let latency = latencies(1..=100);
        let verdicts = met("p99=99500us,p99=98ms,max=101ms,p50=50100us", 100, &latency);
        let met: Vec<bool> = verdicts.iter().map(|verdict| verdict.0).collect();
        assert_eq!(met, [true, false, true, true], "{verdicts:?}");
        assert_eq!(verdicts[0].1, "99.0 ms");
    }

    #[test]
    fn requests_without_a_good_answer_count_as_slower_than_any_limit() {
        let latency = latencies(1..=98);
        let verdicts = met("p90=91ms,p99=1h,errors=2%,errors=1.9%", 100, &latency);
        assert_eq!(verdicts[0], (true, "90.0 ms".to_owned()));
        assert_eq!(
            verdicts[1],
            (false, "never: 2% got no good answer".to_owned())
        );
        assert_eq!(verdicts[2], (true, "2%".to_owned()));
        assert_eq!(verdicts[3], (false, "2%".to_owned()));
    }

    #[test]
    fn goodput_is_a_lower_bound_and_no_requests_meet_nothing() {
        let latency = latencies([1]);
        assert!(met("goodput=12.5/s", 1, &latency)[0].0);
        assert!(!met("goodput=13/s", 1, &latency)[0].0);
        let none = latencies([]);
        assert!(!met("errors=100%", 0, &none)[0].0);
        assert!(!met("p50=1h", 3, &none)[0].0);
    }
}
