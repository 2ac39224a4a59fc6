//! Continues texts with an instruction model, greedily, all in one batch:
//!
//! ```sh
//! cargo run --release --example continue -- FOLDER TOKENS < prompts.json
//! ```
//!
//! Reads a JSON array of prompts, each an array of token ids or a text, and writes one object a
//! prompt: its ids, those of its continuation (it goes on after an end), how far the best logit of
//! each lay above the second, and the time that both took. `benches/quality/llama.py` compares it
//! with llama.cpp.

use depeche::model::{
    Ask, Causal, TokenId,
    tokenizer::bpe::{Detokenizer, Part},
};
use serde::{Deserialize, Serialize};
use std::{error::Error, path::Path, time::Instant};

#[derive(Deserialize)]
#[serde(untagged)]
enum Prompt {
    Ids(Vec<u32>),
    /// In which pieces that steer are read, as llama.cpp reads its own prompts.
    Text(String),
}

#[derive(Serialize)]
struct Answer {
    prompt: Vec<u32>,
    ids: Vec<u32>,
    margins: Vec<f32>,
    text: String,
    /// Of the whole batch, in seconds.
    reading: f64,
    writing: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, tokens] = &arguments[..] else {
        return Err("usage: continue FOLDER TOKENS < prompts.json".into());
    };
    let model = Causal::load(Path::new(folder))?;
    let prompts: Vec<Prompt> = serde_json::from_reader(std::io::stdin())?;
    let prompts: Vec<Vec<TokenId>> = prompts
        .into_iter()
        .map(|prompt| match prompt {
            Prompt::Ids(ids) => ids.into_iter().map(TokenId).collect(),
            Prompt::Text(text) => {
                let ids = model.tokenizer.encode_parts(&[Part::Template(&text)]);
                model.tokenizer.begin().into_iter().chain(ids).collect()
            }
        })
        .collect();
    let mut state = model.empty_state()?;
    let started = Instant::now();
    let slices: Vec<&[TokenId]> = prompts.iter().map(|prompt| &prompt[..]).collect();
    model.join(&mut state, &slices)?;
    while state.is_reading() {
        model.read(&mut state)?;
    }
    let reading = started.elapsed().as_secs_f64();
    let ask = Ask {
        top: 2,
        ..Ask::default()
    };
    let asks = vec![ask; prompts.len()];
    let mut answers: Vec<(Vec<TokenId>, Vec<f32>)> = vec![Default::default(); prompts.len()];
    let started = Instant::now();
    for _ in 0..tokens.parse()? {
        let hidden = model.step(&mut state)?;
        let mut next = Vec::new();
        for (row, ranked) in model.rank(&hidden, &asks)?.into_iter().enumerate() {
            let [(best, logit), (_, second)] = ranked.tokens[..] else {
                return Err("a vocabulary of fewer than two pieces".into());
            };
            answers[row].0.push(best);
            answers[row].1.push(logit - second);
            next.push((row, best));
        }
        state.advance(&next)?;
    }
    let writing = started.elapsed().as_secs_f64();
    for (prompt, (ids, margins)) in prompts.into_iter().zip(answers) {
        let mut detokenizer = Detokenizer::new(model.tokenizer.clone());
        let text: String = ids.iter().map(|id| detokenizer.push(*id)).collect();
        let answer = Answer {
            prompt: prompt.into_iter().map(|id| id.0).collect(),
            ids: ids.into_iter().map(|id| id.0).collect(),
            margins,
            text,
            reading,
            writing,
        };
        println!("{}", serde_json::to_string(&answer)?);
    }
    Ok(())
}
