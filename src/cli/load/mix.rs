//! What is asked: methods by weight, articles at random.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A method of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    Translate,
    StreamTranslate,
    TranslateBatch,
    Summarize,
    StreamSummarize,
    Digest,
    DetectLanguage,
}

impl Method {
    pub const ALL: [Method; 7] = [
        Method::Translate,
        Method::StreamTranslate,
        Method::TranslateBatch,
        Method::Summarize,
        Method::StreamSummarize,
        Method::Digest,
        Method::DetectLanguage,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Method::Translate => "translate",
            Method::StreamTranslate => "stream-translate",
            Method::TranslateBatch => "translate-batch",
            Method::Summarize => "summarize",
            Method::StreamSummarize => "stream-summarize",
            Method::Digest => "digest",
            Method::DetectLanguage => "detect-language",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// `translate=3,digest=1`: three translations to a digest.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix(Vec<(Method, f64)>);

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts: Vec<(Method, f64)> = Vec::new();
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let name = name.trim();
            let method = Method::ALL
                .into_iter()
                .find(|method| method.name() == name)
                .ok_or_else(|| {
                    let known = Method::ALL.map(Method::name).join(", ");
                    format!("{name:?} is none of {known}")
                })?;
            if parts.iter().any(|(known, _)| *known == method) {
                return Err(format!("{name} stands there twice"));
            }
            let weight = match weight.trim().parse::<f64>() {
                Ok(weight) if weight.is_finite() && weight > 0.0 => weight,
                _ => return Err(format!("{name}={weight}: weights are numbers above 0")),
            };
            parts.push((method, weight));
        }
        Ok(Mix(parts))
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|(method, weight)| format!("{method}={weight}"))
            .collect();
        f.write_str(&parts.join(","))
    }
}

/// One request to be: a method, and an article by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    pub method: Method,
    pub article: usize,
}

/// Draws calls. The same seed gives the same sequence of calls, in the order in which they are sent.
#[derive(Debug)]
pub struct Draws {
    mix: Mix,
    total: f64,
    articles: usize,
    random: fastrand::Rng,
}

impl Draws {
    pub fn new(mix: Mix, articles: usize, random: fastrand::Rng) -> Self {
        let total = mix.0.iter().map(|(_, weight)| weight).sum();
        Draws {
            mix,
            total,
            articles,
            random,
        }
    }

    pub fn draw(&mut self) -> Call {
        let mut point = self.random.f64() * self.total;
        let drawn = self.mix.0.iter().find(|(_, weight)| {
            point -= weight;
            point < 0.0
        });
        // Rounding may leave the point at the very end.
        let (method, _) = drawn.unwrap_or(&self.mix.0[self.mix.0.len() - 1]);
        Call {
            method: *method,
            article: self.random.usize(..self.articles),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_read_with_its_weights_and_written_back() {
        for (text, expected) in [
            ("translate=3,digest=1", "translate=3,digest=1"),
            ("translate", "translate=1"),
            (
                " stream-translate = 0.5 , detect-language",
                "stream-translate=0.5,detect-language=1",
            ),
        ] {
            assert_eq!(text.parse::<Mix>().unwrap().to_string(), expected);
        }
        for (wrong, word) in [
            ("", "none of"),
            ("polish=1", "polish"),
            ("translate=0", "above 0"),
            ("translate=-1", "above 0"),
            ("translate=x", "above 0"),
            ("translate=1,translate=2", "twice"),
        ] {
            let error = wrong.parse::<Mix>().unwrap_err();
            assert!(error.contains(word), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn methods_come_as_often_as_their_weights_say_and_all_articles_come() {
        let mix: Mix = "translate=3,digest=1".parse().unwrap();
        let mut draws = Draws::new(mix, 5, fastrand::Rng::with_seed(3));
        let calls: Vec<Call> = (0..4000).map(|_| draws.draw()).collect();
        let digests = calls.iter().filter(|call| call.method == Method::Digest);
        // 1,000 are expected with a standard deviation of 27.
        assert!(digests.count().abs_diff(1000) < 120);
        for article in 0..5 {
            assert!(calls.iter().any(|call| call.article == article));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_calls() {
        let calls = || {
            let mix: Mix = "translate,digest,summarize=2".parse().unwrap();
            let mut draws = Draws::new(mix, 3, fastrand::Rng::with_seed(11));
            (0..50).map(|_| draws.draw()).collect::<Vec<_>>()
        };
        assert_eq!(calls(), calls());
    }
}
