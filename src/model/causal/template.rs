//! A conversation in the form that a model was trained on, as the Jinja template in its file has it
//! (`tokenizer.chat_template`).
//!
//! The template comes from strangers: it gets so much work and no more, and can load nothing. What
//! people wrote never goes through it. It is rendered with a mark in the place of each message, and
//! the messages are put in when its text is cut into pieces, so that a message that is spelled like
//! the end of a turn is text and ends nothing.

use crate::model::{
    TokenId,
    tokenizer::bpe::{BpeTokenizer, Part},
};
use minijinja::{Environment, Error, ErrorKind, Value, context, syntax::SyntaxConfig};
use minijinja_contrib::pycompat;

#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("the model's chat template does not work: {0}; take another file of the model")]
    Render(#[from] Error),
    #[error(
        "the model's chat template leaves out the message of the {0}; take another file of the model"
    )]
    LeftOut(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    /// What templates call it.
    fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    pub role: Role,
    pub content: &'a str,
}

/// How a model's conversations are written.
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    /// None: the model was not trained on conversations, and continues a text.
    source: Option<String>,
    begin_text: String,
    end_text: String,
}

/// Steps of the template's machine: a hundred times what those of today take.
const FUEL: u64 = 200_000;
/// A character for private use, around the number of a message. Only the template's own text
/// is searched for it.
const MARK: char = '\u{F5A3C}';

impl ChatTemplate {
    /// `begin_text`, `end_text`: what a template calls `bos_token` and `eos_token`.
    pub fn new(source: Option<String>, begin_text: String, end_text: String) -> Self {
        ChatTemplate {
            source,
            begin_text,
            end_text,
        }
    }

    /// The tokens of a conversation in which the model's answer comes next.
    pub fn tokens(
        &self,
        tokenizer: &BpeTokenizer,
        messages: &[Message],
    ) -> Result<Vec<TokenId>, TemplateError> {
        let rendered = match &self.source {
            Some(source) => self.render(source, messages, Turn::Next)?,
            None => (0..messages.len())
                .map(mark)
                .collect::<Vec<_>>()
                .join("\n\n"),
        };
        let mut parts = Vec::new();
        let mut seen = vec![false; messages.len()];
        // Texts of the template and numbers of messages take turns.
        for (at, text) in rendered.split(MARK).enumerate() {
            if at % 2 == 0 {
                parts.push(Part::Template(text));
                continue;
            }
            let number = text.parse().unwrap_or(usize::MAX);
            if let (Some(message), Some(seen)) = (messages.get(number), seen.get_mut(number)) {
                parts.push(Part::Content(message.content.trim()));
                *seen = true;
            }
        }
        if let Some(number) = seen.iter().position(|seen| !seen) {
            return Err(TemplateError::LeftOut(messages[number].role.name()));
        }
        let mut tokens = tokenizer.encode_parts(&parts);
        if let Some(begin) = tokenizer.begin()
            && tokens.first() != Some(&begin)
        {
            tokens.insert(0, begin);
        }
        Ok(tokens)
    }

    /// The piece that the template writes after an answer, if there is one.
    pub fn end_of_turn(&self, tokenizer: &BpeTokenizer) -> Result<Option<TokenId>, TemplateError> {
        let Some(source) = &self.source else {
            return Ok(None);
        };
        let messages = [Role::User, Role::Assistant].map(|role| Message { role, content: "" });
        let rendered = self.render(source, &messages, Turn::Over)?;
        let Some((_, after)) = rendered.split_once(&mark(1)) else {
            return Err(TemplateError::LeftOut(Role::Assistant.name()));
        };
        let tokens = tokenizer.encode_parts(&[Part::Template(after)]);
        Ok(tokens.into_iter().find(|token| tokenizer.steers(*token)))
    }

    fn render(
        &self,
        source: &str,
        messages: &[Message],
        turn: Turn,
    ) -> Result<String, TemplateError> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        // As the templates' authors have them.
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true);
        environment.set_syntax(syntax.build()?);
        environment.set_unknown_method_callback(pycompat::unknown_method_callback);
        environment.add_function(
            "raise_exception",
            |message: String| -> Result<String, Error> {
                Err(Error::new(ErrorKind::InvalidOperation, message))
            },
        );
        let messages: Vec<Value> = messages
            .iter()
            .enumerate()
            .map(|(number, message)| {
                context! { role => message.role.name(), content => mark(number) }
            })
            .collect();
        let rendered = environment.render_str(
            source,
            context! {
                messages,
                add_generation_prompt => turn == Turn::Next,
                bos_token => self.begin_text.as_str(),
                eos_token => self.end_text.as_str(),
                enable_thinking => false,
            },
        );
        Ok(rendered?)
    }
}

/// Whose turn it is after the messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The model's.
    Next,
    Over,
}

fn mark(number: usize) -> String {
    format!("{MARK}{number}{MARK}")
}
