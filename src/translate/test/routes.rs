//! Which models lead from a language to another.

use super::*;
use std::collections::HashMap;

#[test]
fn a_language_serves_its_regions() {
    let routes = Routes::new(vec![hop("fr", "en")]);
    let route = routes.shortest(&language("fr-CA"), &language("en-GB"));
    assert_eq!(route, Some(FRENCH_TO_ENGLISH.route()));
    assert_eq!(routes.shortest(&language("de"), &language("en")), None);
}

#[test]
fn the_shortest_route_is_taken_over_english_rather_than_another_language() {
    let routes = Routes::new(
        [
            ("fr", "es"),
            ("fr", "en"),
            ("es", "pt"),
            ("en", "pt"),
            ("pt", "gl"),
            ("en", "es"),
        ]
        .map(|(source, target)| hop(source, target))
        .to_vec(),
    );
    let models = |source: &str, target: &str| -> Vec<String> {
        let route = routes.shortest(&language(source), &language(target));
        let hops = route.into_iter().flat_map(|route| route.hops);
        hops.map(|hop| hop.model.to_string()).collect()
    };
    assert_eq!(models("fr", "es"), ["fr-es"]);
    assert_eq!(models("fr", "pt"), ["fr-en", "en-pt"]);
    assert_eq!(models("fr", "gl"), ["fr-en", "en-pt", "pt-gl"]);
    assert_eq!(models("gl", "fr"), [""; 0]);
}

#[tokio::test]
async fn a_pivot_leads_where_no_model_leads_directly() {
    let french = &FRENCH_TO_ENGLISH.hops[0];
    let mut hops = vec![french.hop.clone()];
    let mut models = HashMap::from([(french.hop.model.clone(), french.model.clone())]);
    for (pair, folder) in crate::model::student::test::mozilla_students() {
        let model = Arc::new(Translator::student(&folder, ComputeType::Int8).unwrap());
        let (source, target) = pair.split_at(2);
        hops.push(hop(source, target));
        models.insert(hop(source, target).model, model);
    }
    let routes = Routes::new(hops);
    let ways: Vec<String> = routes
        .all()
        .iter()
        .map(|route| {
            let models = route.hops.iter().map(|hop| &*hop.model);
            models.collect::<Vec<_>>().join("+")
        })
        .collect();
    assert_eq!(ways, ["en-pt", "fr-en", "fr-en+en-pt", "pt-en"]);

    let document = Arc::new(Document::parse(
        "Le chat noir dort dans la cuisine. Il a mangé 12,5 kg de poisson.",
    ));
    let route = routes
        .shortest(&language("fr"), &language("pt-BR"))
        .unwrap();
    let hops = route.hops.into_iter().map(|hop| LoadedHop {
        model: models[&hop.model].clone(),
        hop,
    });
    let route = LoadedRoute {
        hops: hops.collect(),
        asked: None,
    };
    let translated: Vec<_> = crate::translate::translate(
        &claim(),
        &Cache::new(0),
        &document,
        &Selection::All,
        &route,
        DecodeOptions::default(),
    )
    .try_collect()
    .await
    .unwrap();
    assert!(
        translated[0].text.contains("gato preto"),
        "{}",
        translated[0].text
    );
    assert!(
        translated[1].text.contains("12,5"),
        "{}",
        translated[1].text
    );
    assert_eq!(routes.shortest(&language("pt"), &language("fr")), None);
}
