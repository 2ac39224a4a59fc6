//! One sentence through the model: prepared, decoded, checked, and where a check finds a fault that
//! it cannot repair, attempted again in another way.
//!
//! - `attempts`: which attempts are made, one after the other
//! - `care`: what each has taught the next

mod attempts;
mod care;

use super::{
    Likelihood, SentenceUsage, Times, Warning, WarningKind,
    alignment::{Source, Translation},
    cache::{Cache, Setting},
    count_tokens,
    fidelity::{CHECKS, Fault, Verdict},
    prepare::MAX_PROTECTED,
    route::LoadedHop,
};
use crate::{
    article,
    inference::{Cost, DecodeOptions, Hypothesis, InferenceError, Position, Reservation, Task},
    model::TokenId,
};
use care::Care;
use futures::future::try_join_all;
use std::{ops::Range, sync::Arc, time::Instant};

/// A model as the translation uses it.
pub struct Sentences {
    request: Arc<Reservation>,
    hop: LoadedHop,
    /// How to decode where nothing was found wrong yet.
    decoding: DecodeOptions,
    /// Of first attempts among the request's sentences; further ones come before those.
    position: Position,
    cache: Cache,
    /// What the cache knows translations by, beside their sentences.
    setting: Arc<Setting>,
}

/// What became of a sentence.
#[derive(Debug, Default)]
pub struct Outcome {
    pub text: String,
    pub warnings: Vec<Warning>,
    pub usage: SentenceUsage,
    pub likelihood: Option<Likelihood>,
}

/// Bytes of text for a token at the most, on the average of a window: tells without tokenising that
/// a text of megabytes does not fit.
const LONGEST_TOKEN: usize = 64;

/// What a lost placeholder counts, in things lost: its text is put back, but perhaps not at its place.
const PLACEHOLDER_LOST: usize = 2;

/// What a model is given.
struct Input<'a> {
    source: Source<'a>,
    /// With the prefix and the end.
    tokens: Vec<TokenId>,
    /// Tokens that stand before those of the source.
    prefix: usize,
    options: DecodeOptions,
}

/// A text that was checked.
struct Checked {
    text: String,
    faults: Vec<(usize, Fault)>,
    /// For each check how it ended.
    repaired: [bool; CHECKS.len()],
    /// All attempts counted.
    usage: SentenceUsage,
    likelihood: Option<Likelihood>,
}

impl Sentences {
    pub fn new(
        request: Arc<Reservation>,
        cache: Cache,
        hop: LoadedHop,
        decoding: DecodeOptions,
        position: Position,
    ) -> Self {
        Sentences {
            position,
            setting: Arc::new(Setting::new(&hop, decoding)),
            request,
            hop,
            decoding,
            cache,
        }
    }

    /// Translates one sentence, of any length, or finds that it was.
    pub async fn translate(&self, sentence: &str) -> Result<Outcome, InferenceError> {
        if let Some(outcome) = self.cache.get(&self.setting, sentence) {
            let cost = Cost::translating(outcome.usage.source_tokens, self.decoding.search);
            self.request.spare(cost);
            let model = self.hop.hop.model.to_string();
            metrics::counter!("depeche_cache_hits_total", "model" => model).increment(1);
            return Ok(outcome);
        }
        let outcome = self.compute(sentence).await?;
        // What no model was asked for is as soon made as found.
        if self.cache.is_on() && outcome.usage.source_tokens > 0 {
            self.cache.keep(&self.setting, sentence, &outcome);
            let model = self.hop.hop.model.to_string();
            metrics::counter!("depeche_cache_misses_total", "model" => model).increment(1);
        }
        Ok(outcome)
    }

    async fn compute(&self, sentence: &str) -> Result<Outcome, InferenceError> {
        let window = self.hop.model.max_source_tokens();
        if let Some(whole) = self.fitting(sentence, window) {
            return self.translate_part(whole).await;
        }
        let parts = article::split_to_fit(sentence, |part| self.fitting(part, window).is_some());
        let translated = try_join_all(parts.iter().map(|part| {
            self.translate_part(self.prepared(&sentence[part.clone()], &Care::new(self.decoding)))
        }))
        .await?;
        let mut outcome = Outcome::untranslated(String::new());
        let mut end = 0;
        for (part, translated) in parts.iter().zip(translated) {
            outcome.text.push_str(&sentence[end..part.start]);
            outcome
                .text
                .push_str(&self.as_part(sentence, part, translated.text));
            outcome.warnings.extend(translated.warnings);
            outcome.usage += translated.usage;
            let so_far = outcome.likelihood;
            outcome.likelihood = so_far.and_then(|so_far| so_far.and(translated.likelihood));
            end = part.end;
        }
        outcome.text.push_str(&sentence[end..]);
        Ok(outcome)
    }

    /// A part, if it is within `window` tokens and can have all its placeholders.
    fn fitting<'a>(&self, part: &'a str, window: usize) -> Option<Source<'a>> {
        if part.len() > window * LONGEST_TOKEN {
            return None;
        }
        let source = self.prepared(part, &Care::new(self.decoding));
        let fits =
            source.tokens.len() < window && source.prepared.protected.len() <= MAX_PROTECTED / 2;
        fits.then_some(source)
    }

    fn prepared<'a>(&self, text: &'a str, care: &Care) -> Source<'a> {
        Source::new(text, &self.hop.model, &care.lost, care.rotation)
    }

    /// What the model is given of a part that was [prepared](Self::prepared) with the same care.
    fn input<'a>(&self, source: Source<'a>, care: &Care) -> Input<'a> {
        let model = &self.hop.model;
        let prefix = self.hop.prefix();
        let tokens = source.tokens.iter().map(|token| token.id);
        Input {
            tokens: prefix
                .into_iter()
                .chain(tokens)
                .chain([model.end()])
                .collect(),
            prefix: usize::from(prefix.is_some()),
            options: care.options,
            source,
        }
    }

    /// Decodes a part once, and checks it: of the hypotheses that the search found the likeliest of
    /// those that lose least.
    async fn decode(
        &self,
        input: Input<'_>,
        position: Position,
    ) -> Result<Checked, InferenceError> {
        let Input {
            source,
            tokens,
            prefix,
            options,
        } = input;
        let task = Task::Decode(options);
        let submitted = Instant::now();
        let model = &self.hop.model;
        let output = self.request.run_at(position, model, tokens, task).await?;
        let checked = output.hypotheses.into_iter().map(|mut hypothesis| {
            hypothesis.forget_source(prefix);
            self.check(&source, hypothesis)
        });
        let mut best: Option<Checked> = None;
        for checked in checked {
            let losses = checked.losses();
            if best.as_ref().is_none_or(|best| losses < best.losses()) {
                best = Some(checked);
            }
            if losses == 0 {
                break;
            }
        }
        let mut best = best.unwrap_or_default();
        best.usage.source_tokens = source.tokens.len();
        best.usage.queue_time = output.queue_time;
        best.usage.compute_time = output.compute_time;
        best.usage.times = Some(Times::new(
            submitted,
            output.queue_time,
            output.encode_time,
            output.compute_time,
        ));
        count_tokens(&self.hop.hop.model, &best.usage);
        Ok(best)
    }

    /// Checks a hypothesis, and repairs what can be.
    fn check(&self, source: &Source, hypothesis: Hypothesis) -> Checked {
        let mut checked = Checked {
            usage: SentenceUsage {
                target_tokens: hypothesis.tokens.len(),
                ..SentenceUsage::default()
            },
            likelihood: hypothesis.score.map(|score| Likelihood {
                log_probability: score.log_probability,
                tokens: hypothesis.tokens.len() + usize::from(hypothesis.finished),
            }),
            ..Checked::default()
        };
        let mut translation = Translation::new(&self.hop.model, hypothesis);
        for (i, check) in CHECKS.iter().enumerate() {
            match check.check(&self.hop, source, &mut translation) {
                Verdict::Faithful => {}
                Verdict::Repaired => checked.repaired[i] = true,
                Verdict::Unfaithful(fault) => checked.faults.push((i, fault)),
            }
        }
        let text = with_final_mark(source.text, translation.text);
        checked.text = if source.prepared.lowered {
            with_capital(text)
        } else {
            text
        };
        checked
    }

    /// The translation of `part` of a sentence without the full stop, unless it is the last part, and
    /// without the capital, unless it is the first, that the model gives what it takes for a whole.
    fn as_part(&self, sentence: &str, part: &Range<usize>, mut translation: String) -> String {
        let ends_an_abbreviation =
            |word: &str| word.trim_end_matches('.').contains('.') || word.ends_with("..");
        let last_word = translation.rsplit(' ').next().unwrap_or_default();
        if part.end < sentence.trim_end().len()
            && last_word.ends_with('.')
            && !ends_an_abbreviation(last_word)
        {
            translation.pop();
        }
        let first_word = translation
            .split(|c: char| !c.is_alphabetic())
            .next()
            .unwrap_or_default();
        let lowered = first_word.to_lowercase();
        // A word that the vocabulary has in small letters, too, is no name, and not English's Monday.
        let common = self.hop.model.target().has_piece(&format!("▁{lowered}"));
        if part.start > 0
            && common
            && first_word != "I"
            && sentence[part.start..].starts_with(char::is_lowercase)
        {
            translation.replace_range(..first_word.len(), &lowered);
        }
        translation
    }

    fn count(&self, checked: &Checked) {
        for (i, check) in CHECKS.iter().enumerate() {
            let outcome = if checked.faults.iter().any(|(at, _)| *at == i) {
                "unfaithful"
            } else if checked.repaired[i] {
                "repaired"
            } else {
                "faithful"
            };
            let labels = [
                ("model", self.hop.hop.model.to_string()),
                ("check", check.kind().as_str().into()),
                ("outcome", outcome.into()),
            ];
            metrics::counter!("depeche_fidelity_checks_total", &labels).increment(1);
        }
    }
}

impl Outcome {
    /// A text that needs no model.
    fn untranslated(text: String) -> Self {
        Outcome {
            text,
            likelihood: Some(Likelihood::default()),
            ..Outcome::default()
        }
    }
}

impl Checked {
    /// What an attempt is judged by.
    fn losses(&self) -> usize {
        let loss = |(check, fault): &(usize, Fault)| match CHECKS[*check].kind() {
            WarningKind::Protected => PLACEHOLDER_LOST,
            _ => fault.lost.len().max(1),
        };
        self.faults.iter().map(loss).sum()
    }
}

/// A translation that begins with a capital.
fn with_capital(translation: String) -> String {
    let mut rest = translation.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    first.chain(rest).collect()
}

/// A translation that ends on `!` or `?` where its source does: the model often writes a full stop.
fn with_final_mark(source: &str, mut translation: String) -> String {
    let Some(mark) = source
        .trim_end()
        .chars()
        .next_back()
        .filter(|c| matches!(c, '!' | '?'))
    else {
        return translation;
    };
    if translation.ends_with('.') && !translation.ends_with("..") {
        translation.pop();
    }
    if translation.ends_with(|c: char| c.is_alphanumeric()) {
        translation.push(mark);
    }
    translation
}

impl Default for Checked {
    fn default() -> Self {
        Checked {
            text: String::new(),
            faults: Vec::new(),
            repaired: [false; CHECKS.len()],
            usage: SentenceUsage::default(),
            likelihood: None,
        }
    }
}
