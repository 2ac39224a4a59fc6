//! `CatalogService`.

use tonic::{Request, Response, Status};

use crate::rpc::{
    Api,
    call::Call,
    convert,
    proto::v1::{
        GetServerInfoRequest, GetServerInfoResponse, LanguagePair, ListLanguagePairsRequest,
        ListLanguagePairsResponse, ListModelsRequest, ListModelsResponse,
        catalog_service_server::CatalogService,
    },
    request::{self, CONTENT_TYPES, MAX_TARGET_LANGUAGES},
};

#[tonic::async_trait]
impl CatalogService for Api {
    async fn list_models(
        &self,
        request: Request<ListModelsRequest>,
    ) -> Result<Response<ListModelsResponse>, Status> {
        let call = Call::begin(self, &request)?;
        Ok(Response::new(ListModelsResponse {
            models: convert::models(&call.domain.models),
        }))
    }

    async fn list_language_pairs(
        &self,
        request: Request<ListLanguagePairsRequest>,
    ) -> Result<Response<ListLanguagePairsResponse>, Status> {
        let call = Call::begin(self, &request)?;
        let (source, target) = request::pair_filter(request.get_ref())?;
        let mut pairs: Vec<LanguagePair> = Vec::new();
        for route in call.domain.translator.routes() {
            let (Some(first), Some(last)) = (route.hops.first(), route.hops.last()) else {
                continue;
            };
            let wanted = source
                .as_ref()
                .is_none_or(|source| first.source.serves(source))
                && target
                    .as_ref()
                    .is_none_or(|target| last.target.serves(target));
            if wanted {
                pairs.push(LanguagePair {
                    source_language: first.source.to_string(),
                    target_language: last.target.to_string(),
                    route: Some(convert::route(&route)),
                });
            }
        }
        pairs.sort_by(|a, b| {
            (&a.source_language, &a.target_language).cmp(&(&b.source_language, &b.target_language))
        });
        Ok(Response::new(ListLanguagePairsResponse { pairs }))
    }

    async fn get_server_info(
        &self,
        _request: Request<GetServerInfoRequest>,
    ) -> Result<Response<GetServerInfoResponse>, Status> {
        let domain = self.domain.peek();
        Ok(Response::new(GetServerInfoResponse {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ready: domain.is_some(),
            uptime: Some(convert::duration(self.started.elapsed())),
            max_text_bytes: self.limits.max_text_bytes as u64,
            max_target_languages: convert::narrow(MAX_TARGET_LANGUAGES),
            content_types: CONTENT_TYPES.map(str::to_owned).to_vec(),
            inference_threads: convert::narrow(self.inference_threads),
            models: domain
                .map(|domain| convert::models(&domain.models))
                .unwrap_or_default(),
        }))
    }
}
