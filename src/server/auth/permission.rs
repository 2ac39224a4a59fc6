//! What a token may be for, and which methods ask for it.

use serde::{Deserialize, Serialize};

use crate::rpc::SERVICE_NAMES;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// TranslationService, and with `summarize` ArticleService
    Translate,
    /// SummarizationService, and with `translate` ArticleService
    Summarize,
    /// Reflection
    Admin,
}

/// What a method asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Probes come without a token.
    Nothing,
    /// Any token, with all these permissions.
    Token(&'static [Permission]),
}

impl Needs {
    /// Of a method by its path, `/package.Service/Method`. What is not known is kept from strangers.
    pub fn of(path: &str) -> Self {
        use Permission::{Admin, Summarize, Translate};
        let [translation, summarization, article, _catalog] = SERVICE_NAMES;
        match path.split('/').nth(1).unwrap_or_default() {
            "grpc.health.v1.Health" => Needs::Nothing,
            service if service == translation => Needs::Token(&[Translate]),
            service if service == summarization => Needs::Token(&[Summarize]),
            service if service == article => Needs::Token(&[Translate, Summarize]),
            service if service.starts_with("grpc.reflection.") => Needs::Token(&[Admin]),
            _ => Needs::Token(&[]),
        }
    }
}

impl Permission {
    /// As the tokens file names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Permission::Translate => "translate",
            Permission::Summarize => "summarize",
            Permission::Admin => "admin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_but_health_asks_for_a_token() {
        use Permission::{Admin, Summarize, Translate};
        for (path, needs) in [
            ("/grpc.health.v1.Health/Check", Needs::Nothing),
            (
                "/depeche.v1.TranslationService/Translate",
                Needs::Token(&[Translate]),
            ),
            (
                "/depeche.v1.SummarizationService/Summarize",
                Needs::Token(&[Summarize]),
            ),
            (
                "/depeche.v1.ArticleService/Digest",
                Needs::Token(&[Translate, Summarize]),
            ),
            ("/depeche.v1.CatalogService/ListModels", Needs::Token(&[])),
            (
                "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                Needs::Token(&[Admin]),
            ),
            ("/grpc.health.v1.Healthy/Check", Needs::Token(&[])),
            ("", Needs::Token(&[])),
        ] {
            assert_eq!(Needs::of(path), needs, "{path}");
        }
    }
}
