//! What a server tells of its models, and how it loads them.

mod common;

use std::{fs, path::PathBuf};

use common::{Server, path, scratch, to_english};
use depeche::rpc::proto::v1::{
    ListLanguagePairsRequest, ListModelsRequest, Model, ModelState, TranslateRequest,
};
use tonic::Code;

/// A store with a model of random weights from English to French, small.
fn store(name: &str) -> PathBuf {
    let store = scratch(name);
    let model = store.join("random");
    fs::create_dir_all(&model).unwrap();
    for entry in fs::read_dir(path("tests/golden/students/base-memory")).unwrap() {
        let file = entry.unwrap().path();
        fs::copy(&file, model.join(file.file_name().unwrap())).unwrap();
    }
    store
}

async fn models(server: &Server, include_available: bool) -> Vec<Model> {
    let request = ListModelsRequest { include_available };
    let mut catalog = server.catalog().await;
    let response = catalog.list_models(request).await.unwrap();
    response.into_inner().models
}

async fn states(server: &Server) -> Vec<(String, ModelState)> {
    let models = models(server, false).await.into_iter();
    models
        .map(|model| (model.id.clone(), model.state()))
        .collect()
}

fn to_french(text: &str) -> TranslateRequest {
    TranslateRequest {
        text: text.to_owned(),
        source_language: "en".to_owned(),
        target_languages: vec!["fr".to_owned()],
        ..TranslateRequest::default()
    }
}

#[tokio::test]
async fn what_is_loaded_installed_and_could_be_pulled_is_told_apart() {
    let store = store("catalog-states");
    let arguments = ["--models", store.to_str().unwrap(), "--preload", "fr-en"];
    let server = Server::start_with(&arguments);
    let installed = [
        ("fr-en".to_owned(), ModelState::Loaded),
        ("random".to_owned(), ModelState::Installed),
    ];
    assert_eq!(states(&server).await, installed);

    let all = models(&server, true).await;
    assert!(all.is_sorted_by_key(|model| &model.id));
    let find = |id: &str| all.iter().find(|model| model.id == id).unwrap();
    let german = find("en-de-tiny");
    assert_eq!(german.state(), ModelState::Available);
    assert_eq!(
        (german.resident_bytes, german.engine.as_str()),
        (0, "student")
    );
    let french = find("fr-en");
    assert!(french.file_bytes > 20_000_000 && french.resident_bytes > 10_000_000);

    // The first request for it loads a model.
    let mut translation = server.translation().await;
    translation.translate(to_french("the cat")).await.unwrap();
    assert_eq!(states(&server).await[1].1, ModelState::Loaded);
}

#[tokio::test]
async fn pairs_that_could_be_had_name_the_models_to_pull() {
    let server = Server::start_with(&[]);
    let mut catalog = server.catalog().await;
    let mut pairs = async |to: &str, include_available| {
        let request = ListLanguagePairsRequest {
            source_language: "fr".to_owned(),
            target_language: to.to_owned(),
            include_available,
        };
        let response = catalog.list_language_pairs(request).await.unwrap();
        response.into_inner().pairs
    };
    assert_eq!(pairs("de", false).await, []);
    let german = pairs("de", true).await;
    let hops = &german[0].route.as_ref().unwrap().hops;
    assert_eq!((hops.len(), hops[0].model.as_str()), (2, "fr-en"));
    assert_eq!(german[0].missing_models, [hops[1].model.as_str()]);
    assert_eq!(pairs("en", true).await[0].missing_models, [""; 0]);
    let all = pairs("", true).await;
    assert!(all.len() > 30);
    assert!(
        all.windows(2)
            .all(|two| two[0].target_language != two[1].target_language)
    );

    let request = TranslateRequest {
        target_languages: vec!["de".to_owned()],
        source_language: "fr".to_owned(),
        ..to_english("Le chat dort.")
    };
    let refused = server
        .translation()
        .await
        .translate(request)
        .await
        .unwrap_err();
    let command = format!("depeche models pull {}", hops[1].model);
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(
        refused.message().contains(&command),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn models_leave_for_others_within_the_memory_budget() {
    let store = store("catalog-budget");
    // Room for the file of fr-en, 27,033,860 bytes, and not for the small model beside it.
    let arguments = [
        "--models",
        store.to_str().unwrap(),
        "--preload",
        "random",
        "--memory-budget-bytes",
        "27040000",
    ];
    let mut server = Server::start_with(&arguments);
    let mut translation = server.translation().await;
    let english = translation
        .translate(to_english("Le chat dort."))
        .await
        .unwrap();
    assert!(english.into_inner().translations[0].text.contains("cat"));
    assert!(server.wait_for("leaves").contains("random"));
    let left = [
        ("fr-en".to_owned(), ModelState::Loaded),
        ("random".to_owned(), ModelState::Installed),
    ];
    assert_eq!(states(&server).await, left);
    translation.translate(to_french("the cat")).await.unwrap();

    let small = Server::start_with(&["--memory-budget-bytes", "1000000"]);
    let mut translation = small.translation().await;
    let refused = translation.translate(to_english("Le chat dort.")).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(
        refused.message().contains("memory_budget"),
        "{}",
        refused.message()
    );
}

#[test]
fn a_model_to_preload_that_is_not_there_keeps_the_server_from_starting() {
    let (code, told) = common::start_and_fail(&["--preload", "fr-en,xx-yy"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("xx-yy"), "{told}");
}
