//! `CatalogService`.

use std::collections::BTreeSet;

use tonic::{Request, Response, Status};

use crate::{
    article::Language,
    rpc::{
        Api,
        call::Call,
        convert,
        domain::Domain,
        proto::v1::{
            GetServerInfoRequest, GetServerInfoResponse, LanguagePair, ListLanguagePairsRequest,
            ListLanguagePairsResponse, ListModelsRequest, ListModelsResponse,
            catalog_service_server::CatalogService,
        },
        request::{self, CONTENT_TYPES, MAX_TARGET_LANGUAGES},
        status::RpcError,
    },
    translate::Route,
};

#[tonic::async_trait]
impl CatalogService for Api {
    async fn list_models(
        &self,
        request: Request<ListModelsRequest>,
    ) -> Result<Response<ListModelsResponse>, Status> {
        let call = Call::begin(self, &request)?;
        Ok(Response::new(ListModelsResponse {
            models: convert::models(&call.domain, request.get_ref().include_available),
        }))
    }

    async fn list_language_pairs(
        &self,
        request: Request<ListLanguagePairsRequest>,
    ) -> Result<Response<ListLanguagePairsResponse>, Status> {
        let call = Call::begin(self, &request)?;
        let (source, target) = request::pair_filter(request.get_ref())?;
        let available = request.get_ref().include_available;
        // Thousands of routes where all that could be pulled is asked for.
        let listing = tokio::task::spawn_blocking(move || {
            let wanted = |route: &Route| wanted(route, source.as_ref(), target.as_ref());
            pairs(&call.domain, available, wanted)
        });
        let pairs = listing
            .await
            .map_err(|error| RpcError::Failed(error.to_string()))?;
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
                .map(|domain| convert::models(domain, false))
                .unwrap_or_default(),
        }))
    }
}

fn wanted(route: &Route, source: Option<&Language>, target: Option<&Language>) -> bool {
    let from = route.hops.first().map(|hop| &hop.source);
    let to = route.hops.last().map(|hop| &hop.target);
    let fits = |there: Option<&Language>, wanted: Option<&Language>| {
        wanted.is_none_or(|wanted| there.is_some_and(|there| there.serves(wanted)))
    };
    fits(from, source) && fits(to, target)
}

fn pairs(domain: &Domain, available: bool, wanted: impl Fn(&Route) -> bool) -> Vec<LanguagePair> {
    let mut routes = domain.routes.all();
    if available {
        // Where the installed models lead, their way is taken.
        let ends = |route: &Route| {
            let (first, last) = (route.hops.first(), route.hops.last());
            (
                first.map(|hop| hop.source.clone()),
                last.map(|hop| hop.target.clone()),
            )
        };
        let here: BTreeSet<_> = routes.iter().map(ends).collect();
        let possible = domain.possible().all().into_iter();
        routes.extend(possible.filter(|route| !here.contains(&ends(route))));
    }
    let mut pairs: Vec<_> = routes
        .iter()
        .filter(|route| wanted(route))
        .filter_map(|route| {
            Some(LanguagePair {
                source_language: route.hops.first()?.source.to_string(),
                target_language: route.hops.last()?.target.to_string(),
                missing_models: domain.not_installed(route),
                route: Some(convert::route(route)),
            })
        })
        .collect();
    pairs.sort_by(|a, b| {
        (&a.source_language, &a.target_language).cmp(&(&b.source_language, &b.target_language))
    });
    // A model of Chinese serves its scripts, too: one pair, asked for more than once.
    pairs.dedup_by(|a, b| {
        a.source_language == b.source_language && a.target_language == b.target_language
    });
    pairs
}
