use super::*;
use crate::{
    inference::decode::{Beam, Search},
    translate::WarningKind,
};
use std::num::NonZeroUsize;

fn setting(load: LoadId) -> Setting {
    Setting {
        model: load,
        source: "fr".parse().unwrap(),
        target: "en".parse().unwrap(),
        decoding: DecodeOptions::default(),
    }
}

fn outcome(text: &str) -> Outcome {
    Outcome {
        text: text.to_owned(),
        warnings: vec![Warning {
            kind: WarningKind::Name,
            message: "a name may be missing: Onfroy".to_owned(),
        }],
        usage: SentenceUsage {
            source_tokens: 7,
            target_tokens: 5,
            queue_time: std::time::Duration::from_millis(3),
            ..SentenceUsage::default()
        },
        likelihood: Some(Likelihood {
            log_probability: -2.5,
            tokens: 6,
        }),
    }
}

#[test]
fn what_is_found_is_what_was_made_but_for_the_time_that_it_took() {
    let (cache, setting) = (Cache::new(1 << 20), Arc::new(setting(LoadId::next())));
    let made = outcome("The cat sleeps.");
    assert!(cache.get(&setting, "Le chat dort.").is_none());
    cache.keep(&setting, "Le chat dort.", &made);
    let found = cache.get(&setting, "Le chat dort.").unwrap();
    assert_eq!(
        (&found.text, &found.warnings, found.likelihood),
        (&made.text, &made.warnings, made.likelihood)
    );
    let usage = SentenceUsage {
        source_tokens: 7,
        target_tokens: 5,
        kept_source_tokens: 7,
        kept_target_tokens: 5,
        ..SentenceUsage::default()
    };
    assert_eq!(found.usage, usage);
}

#[test]
fn whatever_decides_a_translation_tells_it_from_others() {
    let cache = Cache::new(1 << 20);
    let ours = setting(LoadId::next());
    let same = Arc::new(Setting {
        decoding: ours.decoding,
        ..setting(ours.model)
    });
    let others = [
        setting(LoadId::next()),
        Setting {
            target: "pt".parse().unwrap(),
            ..setting(ours.model)
        },
        Setting {
            source: "es".parse().unwrap(),
            ..setting(ours.model)
        },
        Setting {
            decoding: DecodeOptions {
                search: Search::Beam(Beam::of(NonZeroUsize::new(4).unwrap())),
                ..DecodeOptions::default()
            },
            ..setting(ours.model)
        },
    ];
    cache.keep(
        &Arc::new(ours),
        "Le chat dort.",
        &outcome("The cat sleeps."),
    );
    assert!(cache.get(&same, "Le chat dort.").is_some());
    assert!(cache.get(&same, "Le chat dort").is_none());
    for other in others {
        assert!(cache.get(&Arc::new(other), "Le chat dort.").is_none());
    }
}

#[test]
fn it_holds_no_more_than_it_may_and_the_least_recently_used_leave() {
    let most = 100_000;
    let (cache, setting) = (Cache::new(most), Arc::new(setting(LoadId::next())));
    let sentence = |i: usize| format!("Le chat numéro {i} dort dans la cuisine.");
    for i in 0..1000 {
        cache.keep(
            &setting,
            &sentence(i),
            &outcome("The cat sleeps in the kitchen."),
        );
        // Somebody asks for the first again and again.
        assert!(cache.get(&setting, &sentence(0)).is_some());
        let bytes = cache.bytes();
        assert!(bytes <= most && bytes > 0, "{bytes} after {i}");
    }
    assert!(cache.bytes() > most / 2);
    assert!(cache.get(&setting, &sentence(999)).is_some());
    assert!(cache.get(&setting, &sentence(1)).is_none());
}

#[test]
fn without_room_nothing_is_kept() {
    let (cache, setting) = (Cache::new(0), Arc::new(setting(LoadId::next())));
    cache.keep(&setting, "Le chat dort.", &outcome("The cat sleeps."));
    assert!(!cache.is_on());
    assert!(cache.get(&setting, "Le chat dort.").is_none());
    assert_eq!(cache.bytes(), 0);
}

#[test]
fn what_equals_nothing_is_not_kept() {
    let cache = Cache::new(1 << 20);
    let mut never = setting(LoadId::next());
    never.decoding.length.min_ratio = f32::NAN;
    cache.keep(
        &Arc::new(never),
        "Le chat dort.",
        &outcome("The cat sleeps."),
    );
    assert_eq!(cache.bytes(), 0);
}
