//! Messages of the contract as canonical protobuf JSON, by way of their descriptors.

use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage};
use serde::Serialize;

use crate::{cli::error::CliError, rpc::proto};

/// A message of the contract and its full name.
pub trait Named: Message + Default {
    const NAME: &'static str;
}

macro_rules! named {
    ($($message:ident),*) => {
        $(impl Named for proto::v1::$message {
            const NAME: &'static str = concat!("depeche.v1.", stringify!($message));
        })*
    };
}

named!(
    TranslateRequest,
    TranslateResponse,
    SummarizeRequest,
    SummarizeResponse,
    DigestRequest,
    DigestResponse
);

/// Reads a message from JSON. `origin` names the file for the error.
pub fn parse<M: Named>(origin: &str, json: &str) -> Result<M, CliError> {
    let wrong = |error: &dyn std::fmt::Display| {
        let why = error.to_string();
        // The parser's word for an escape such as \ud800 without its other half.
        let lone = if why.contains("hex escape") {
            "a lone surrogate is no character: "
        } else {
            ""
        };
        CliError::Input(format!(
            "{origin} is not a {} as JSON: {lone}{why}",
            M::NAME
        ))
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize(descriptor::<M>()?, &mut deserializer)
        .map_err(|error| wrong(&error))?;
    deserializer.end().map_err(|error| wrong(&error))?;
    message.transcode_to().map_err(|error| wrong(&error))
}

/// Writes a message as indented JSON.
pub fn render<M: Named>(message: &M) -> Result<String, CliError> {
    let failed =
        |error: &dyn std::fmt::Display| CliError::Failed(format!("{} as JSON: {error}", M::NAME));
    let mut dynamic = DynamicMessage::new(descriptor::<M>()?);
    dynamic
        .merge(message.encode_to_vec().as_slice())
        .map_err(|error| failed(&error))?;
    debug_assert_eq!(dynamic.descriptor().full_name(), M::NAME);
    let mut json = Vec::new();
    dynamic
        .serialize(&mut serde_json::Serializer::pretty(&mut json))
        .map_err(|error| failed(&error))?;
    String::from_utf8(json).map_err(|error| failed(&error))
}

fn descriptor<M: Named>() -> Result<MessageDescriptor, CliError> {
    let missing = |why: String| CliError::Failed(format!("{}: {why}", M::NAME));
    proto::descriptors()
        .map_err(|error| missing(error.to_string()))?
        .get_message_by_name(M::NAME)
        .ok_or_else(|| missing("is not in the contract".to_owned()))
}
