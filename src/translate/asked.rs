//! One sentence by an instruction model, which is asked for its translation in words: the last resort where no
//! model that was trained to translate leads to a language. It is checked as far as texts alone tell, and not
//! attempted again: such a model says the same, or something else.

use super::{
    Likelihood, SentenceUsage, Times, Warning, count_tokens, fidelity, route::Hop,
    sentence::Outcome,
};
use crate::{
    article,
    inference::{DecodeOptions, InferenceError, Reservation, decode::LengthBounds},
    model::{Causal, Model, TokenId, causal::Task, tokenizer::bpe::Detokenizer},
};
use std::{num::NonZeroUsize, sync::Arc, time::Instant};

/// A model that is asked, and the request's place among those for which texts are written.
#[derive(Clone)]
pub struct Asked {
    pub hop: Hop,
    pub model: Arc<Causal>,
    pub request: Arc<Reservation>,
}

/// Tokens of the longest part of a sentence that is asked for at a time: small models lose their way in more.
const WINDOW: usize = 256;
/// Small models fall into loops: no six tokens come twice.
const NO_REPEAT_NGRAM: NonZeroUsize = NonZeroUsize::new(6).unwrap();

impl Asked {
    /// Translates one sentence, of any length.
    pub async fn translate(
        &self,
        sentence: &str,
        decoding: DecodeOptions,
    ) -> Result<Outcome, InferenceError> {
        let window = WINDOW.min(self.model.config.context_length / 8);
        let tokens = |part: &str| self.model.tokenizer.encode(part).len();
        let parts = article::split_to_fit(sentence, |part| tokens(part) <= window);
        let mut whole = Outcome {
            likelihood: Some(Likelihood::default()),
            ..Outcome::default()
        };
        let mut end = 0;
        for part in parts {
            whole.text.push_str(&sentence[end..part.start]);
            end = part.end;
            let part = &sentence[part];
            if !part.chars().any(char::is_alphabetic) {
                whole.text.push_str(part);
                continue;
            }
            let translated = self.part(part, tokens(part), decoding).await?;
            whole.text.push_str(&translated.text);
            whole.warnings.extend(translated.warnings);
            whole.usage += translated.usage;
            let so_far = whole.likelihood;
            whole.likelihood = so_far.and_then(|so_far| so_far.and(translated.likelihood));
        }
        whole.text.push_str(&sentence[end..]);
        Ok(whole)
    }

    async fn part(
        &self,
        part: &str,
        tokens: usize,
        decoding: DecodeOptions,
    ) -> Result<Outcome, InferenceError> {
        let longest = (3 * tokens + 32).min(self.model.config.context_length / 2);
        let asked = decoding
            .length
            .max_tokens
            .map_or(usize::MAX, NonZeroUsize::get);
        let options = DecodeOptions {
            no_repeat_ngram: Some(NO_REPEAT_NGRAM),
            length: LengthBounds {
                max_tokens: NonZeroUsize::new(longest.min(asked)),
                ..decoding.length
            },
            ..decoding
        };
        let prompt = self.prompt(part, longest)?;
        let source_tokens = prompt.len();
        let submitted = Instant::now();
        let model = Model::Causal(self.model.clone());
        let mut output = self.request.write(model, prompt, options)?.end().await?;
        let best = output.take_best();
        let usage = SentenceUsage {
            source_tokens,
            target_tokens: best.tokens.len(),
            queue_time: output.queue_time,
            compute_time: output.compute_time,
            times: Some(Times::new(
                submitted,
                output.queue_time,
                output.encode_time,
                output.compute_time,
            )),
            ..SentenceUsage::default()
        };
        count_tokens(&self.hop.model, &usage);
        let text = self.told(&best.tokens);
        let (source, target) = (&self.hop.source, &self.hop.target);
        let faults = fidelity::of_texts(part, &text, best.finished, (source, target));
        Ok(Outcome {
            text,
            warnings: faults
                .into_iter()
                .map(|(kind, message)| Warning { kind, message })
                .collect(),
            usage,
            likelihood: best.score.map(|score| Likelihood {
                log_probability: score.log_probability,
                tokens: best.tokens.len() + usize::from(best.finished),
            }),
        })
    }

    fn prompt(&self, part: &str, longest: usize) -> Result<Vec<TokenId>, InferenceError> {
        let task = Task::Translation {
            text: part,
            source: &self.hop.source.english_name(),
            target: &self.hop.target.english_name(),
        };
        let room = self.model.config.context_length - longest;
        let prompt = self.model.prompt(&task, room);
        prompt.map_err(|error| InferenceError::Model(error.to_string()))
    }

    /// In one line, without the fences of the prompt.
    fn told(&self, tokens: &[TokenId]) -> String {
        let mut detokenizer = Detokenizer::new(self.model.tokenizer.clone());
        let mut text: String = tokens
            .iter()
            .map(|token| detokenizer.push(*token))
            .collect();
        text.push_str(&detokenizer.rest());
        let is_fence = |line: &str| line.len() > 1 && line.chars().all(|c| c == '"');
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !is_fence(line));
        lines.collect::<Vec<_>>().join(" ")
    }
}
