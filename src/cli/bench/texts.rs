//! An instruction model: one text, prompt and continuation apart, then many texts together.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::try_join_all;

use super::{
    Bench, failed,
    figures::{Rates, Texts, Together, Work},
};
use crate::{
    cli::error::CliError,
    inference::{DecodeOptions, Engine, InferenceError, Reservation},
    model::{Causal, Model, TokenId},
};

/// Tokens of an output where nothing else is asked for.
const OUTPUT_TOKENS: NonZeroUsize = NonZeroUsize::new(64).unwrap();

impl Bench {
    /// The figures, and what the prompt was continued with.
    pub(super) async fn write(
        &self,
        model: &Arc<Causal>,
        text: &str,
    ) -> Result<(Work, Vec<String>), CliError> {
        let length = self.output_tokens.unwrap_or(OUTPUT_TOKENS);
        let prompt = self.prompt(model, text, length)?;
        let batch = self.batch(&Model::Causal(model.clone()));
        let asked = Asked {
            // One worker: the threads share its products.
            engine: self.start("texts", NonZeroUsize::MIN, batch, false)?,
            model: Model::Causal(model.clone()),
            options: self.options(Some(length)),
        };
        asked.one(&prompt).await.map_err(failed)?; // warms up
        let (mut first, mut rest, mut all, mut outputs) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.repeat.get() {
            let written = asked.one(&prompt).await.map_err(failed)?;
            first.push(written.until_first);
            rest.push(written.after_first);
            outputs.push(written.tokens);
        }
        for _ in 0..self.repeat.get() {
            let started = Instant::now();
            let texts = asked.many(&prompt, batch).await.map_err(failed)?;
            all.push(started.elapsed());
            outputs.extend(texts);
        }
        self.check_lengths(outputs.iter(), Some(length))?;
        let (read, written) = (prompt.len() * batch.get(), length.get() * batch.get());
        let work = Texts {
            prompt_tokens: prompt.len(),
            output_tokens: length.get(),
            prompt_tokens_per_second: Rates::of(prompt.len(), &first),
            output_tokens_per_second: Rates::of(length.get() - 1, &rest),
            together: Together {
                texts: batch.get(),
                tokens_per_second: Rates::of(read + written, &all),
                output_tokens_per_second: Rates::of(written, &all),
            },
        };
        let bytes = outputs[0].iter();
        let bytes = bytes.flat_map(|token| model.tokenizer.bytes(*token));
        let text = String::from_utf8_lossy(&bytes.copied().collect::<Vec<u8>>()).into_owned();
        Ok((Work::Texts(work), vec![text]))
    }

    /// The first tokens of the file, what a text begins with before them.
    fn prompt(
        &self,
        model: &Causal,
        text: &str,
        length: NonZeroUsize,
    ) -> Result<Vec<TokenId>, CliError> {
        let wanted = self.prompt_tokens.get();
        if length == NonZeroUsize::MIN {
            return Err(CliError::Input(
                "--output-tokens 1 leaves nothing to measure after the first token: ask for 2 or more".to_owned(),
            ));
        }
        let context = model.config.context_length;
        if wanted.saturating_add(length.get()) > context {
            return Err(CliError::Input(format!(
                "--prompt-tokens {wanted} and --output-tokens {length} are more than the {context} that the \
                 model reads: ask for fewer"
            )));
        }
        let tokens = model.tokenizer.encode(text).into_iter();
        let mut prompt: Vec<TokenId> = model.tokenizer.begin().into_iter().chain(tokens).collect();
        if prompt.len() < wanted {
            return Err(CliError::Input(format!(
                "{} has {} tokens, not --prompt-tokens {wanted}: ask for fewer or name a longer text",
                self.file.display(),
                prompt.len()
            )));
        }
        prompt.truncate(wanted);
        Ok(prompt)
    }
}

/// What every text is asked of.
struct Asked {
    engine: Engine,
    model: Model,
    options: DecodeOptions,
}

struct Written {
    tokens: Vec<TokenId>,
    /// From the order to the first token.
    until_first: Duration,
    /// From the first token to the last.
    after_first: Duration,
}

impl Asked {
    async fn one(&self, prompt: &[TokenId]) -> Result<Written, InferenceError> {
        let request = Arc::new(self.engine.reserve(1)?);
        let started = Instant::now();
        let mut writing = request.write(self.model.clone(), prompt.to_vec(), self.options)?;
        let mut first = None;
        while writing.next().await.is_some() {
            first.get_or_insert_with(|| started.elapsed());
        }
        let whole = started.elapsed();
        let until_first = first.unwrap_or(whole);
        let mut output = writing.end().await?;
        Ok(Written {
            tokens: output.take_best().tokens,
            until_first,
            after_first: whole - until_first,
        })
    }

    async fn many(
        &self,
        prompt: &[TokenId],
        texts: NonZeroUsize,
    ) -> Result<Vec<Vec<TokenId>>, InferenceError> {
        let request = Arc::new(self.engine.reserve(1)?);
        let texts = (0..texts.get()).map(|_| self.whole(&request, prompt));
        try_join_all(texts).await
    }

    async fn whole(
        &self,
        request: &Arc<Reservation>,
        prompt: &[TokenId],
    ) -> Result<Vec<TokenId>, InferenceError> {
        let writing = request.write(self.model.clone(), prompt.to_vec(), self.options)?;
        Ok(writing.end().await?.take_best().tokens)
    }
}
