//! What a web page leaves in the text of an article: recognised by the form of a line, with the phrases of French and
//! English sites.
//!
//! A line counts as residue only if all of it has the form: `Source : Reuters` does, a paragraph about sources does not.

use super::segment;

pub(super) use self::script::script_spans;

mod script;
#[cfg(test)]
mod test;

/// Why a block is residue and not the article's own prose. Residue is translated, but stays out of summaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Residue {
    /// Where text or pictures come from: `Source : https://…`, `Crédit photo : AFP`, `© Reuters`.
    Source,
    /// Comments, shares, views: `Comment (0)`, `12 commentaires`.
    Counter,
    /// Another article: `Lire aussi : …`, or its headline in the middle of the body.
    Teaser,
    /// What the reader is asked to do or agree to: `Partager`, `Abonnez-vous`, cookies, newsletters.
    Invitation,
    /// When it was published, how long it takes to read: `Publié le 12 mars 2020 à 10h30`.
    Dateline,
    /// Who wrote it: `Par Jeanne Martin`, `Avec AFP`.
    Byline,
    /// Code of the page. It has no sentences and passes through as it is.
    Script,
}

/// A longer line is prose, whatever it opens with. In characters, not counting a URL.
const LONGEST: usize = 160;

/// The residue that a line is, by its own form alone.
pub(super) fn of_line(line: &str) -> Option<Residue> {
    if script::is_script(line) {
        return Some(Residue::Script);
    }
    let plain = plain(line);
    if plain.chars().count() > LONGEST {
        return None;
    }
    let is = |found: bool, residue: Residue| found.then_some(residue);
    is(is_source(&plain), Residue::Source)
        .or_else(|| is(is_counter(&plain), Residue::Counter))
        .or_else(|| is(is_teaser(&plain), Residue::Teaser))
        .or_else(|| is(is_invitation(&plain), Residue::Invitation))
        .or_else(|| is(is_dateline(&plain), Residue::Dateline))
        .or_else(|| is(is_byline(line, &plain), Residue::Byline))
}

/// The line in small letters, with straight apostrophes, single spaces, no URLs and no ornaments around it.
fn plain(line: &str) -> String {
    let mut kept = String::with_capacity(line.len());
    let mut from = 0;
    for span in super::protect::protected_spans(line) {
        kept.push_str(&line[from..span.start]);
        kept.push(' ');
        from = span.end;
    }
    kept.push_str(&line[from..]);
    let lower = kept.to_lowercase().replace('’', "'");
    let ornament = |c: char| {
        c.is_whitespace()
            || segment::is_dash_or_bullet(c)
            || matches!(c, '>' | '[' | '|' | '»' | '▶')
    };
    lower
        .trim_matches(ornament)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// What follows one of the labels, if a colon stands between.
fn labelled<'a>(plain: &'a str, labels: &[&str]) -> Option<&'a str> {
    labels
        .iter()
        .find_map(|label| plain.strip_prefix(label)?.trim_start().strip_prefix(':'))
}

fn ends_like_prose(plain: &str) -> bool {
    plain.ends_with(['.', '!', '…'])
}

fn is_source(plain: &str) -> bool {
    const LABELS: &[&str] = &[
        "source",
        "sources",
        "crédit",
        "crédits",
        "crédit photo",
        "crédits photo",
        "crédits photos",
        "photo",
        "photos",
        "via",
        "illustration",
        "crédit image",
        "credit",
        "photo credit",
        "image",
    ];
    let named = labelled(plain, LABELS).is_some_and(|rest| rest.split(' ').count() <= 12);
    named || plain.starts_with('©') || plain.starts_with("(c) ") || plain.starts_with("(photo ")
}

fn is_counter(plain: &str) -> bool {
    const COUNTED: &[&str] = &[
        "comment",
        "comments",
        "commentaire",
        "commentaires",
        "partage",
        "partages",
        "share",
        "shares",
        "vue",
        "vues",
        "views",
        "réaction",
        "réactions",
        "like",
        "likes",
        "j'aime",
        "avis",
        "réponse",
        "réponses",
        "abonnés",
    ];
    // Counts come as `(12)`, `12`, `1,2 k` and `1 204`.
    let number = |c: char| c.is_ascii_digit() || matches!(c, '(' | ')' | ' ' | ',' | '.' | ':');
    let word = plain.trim_matches(number).trim_start_matches("k ").trim();
    let counted = plain.contains(|c: char| c.is_ascii_digit()) && COUNTED.contains(&word);
    let bare = [
        "commentaires",
        "comments",
        "aucun commentaire",
        "no comments",
    ]
    .contains(&plain);
    counted || bare
}

fn is_teaser(plain: &str) -> bool {
    const OPENINGS: &[&str] = &[
        "lire aussi",
        "à lire aussi",
        "a lire aussi",
        "lire également",
        "à lire également",
        "voir aussi",
        "à voir aussi",
        "voir également",
        "lire la suite",
        "écouter aussi",
        "à écouter aussi",
        "sur le même sujet",
        "dans la même rubrique",
        "articles liés",
        "article lié",
        "à découvrir aussi",
        "notre dossier :",
        "read also",
        "read more",
        "see also",
        "related articles",
    ];
    const LABELS: &[&str] = &[
        "lire",
        "à lire",
        "voir",
        "à voir",
        "vidéo",
        "en vidéo",
        "en images",
        "diaporama",
        "podcast",
        "notre dossier",
        "pour aller plus loin",
        "en savoir plus",
    ];
    OPENINGS.iter().any(|opening| plain.starts_with(opening)) || labelled(plain, LABELS).is_some()
}

fn is_invitation(plain: &str) -> bool {
    const WHOLE: &[&str] = &[
        "partager",
        "partagez",
        "partager cet article",
        "partager l'article",
        "share",
        "s'abonner",
        "je m'abonne",
        "abonnez-vous",
        "s'inscrire",
        "inscrivez-vous",
        "se connecter",
        "connexion",
        "imprimer",
        "commenter",
        "publicité",
        "advertisement",
        "copier le lien",
        "envoyer par e-mail",
        "envoyer par mail",
        "newsletter",
        "newsletters",
        "facebook",
        "twitter",
        "whatsapp",
        "linkedin",
        "instagram",
        "tout accepter",
        "tout refuser",
        "j'accepte",
        "accepter",
        "continuer sans accepter",
        "réagir",
        "suivre",
        "tweeter",
        "retour à l'accueil",
        "fermer",
        "partager sur facebook",
        "partager sur twitter",
        "enregistrer",
        "article réservé aux abonnés",
        "réservé aux abonnés",
        "tous droits réservés",
        "subscribe",
        "sign up",
    ];
    const OPENINGS: &[&str] = &[
        "abonnez-vous",
        "inscrivez-vous",
        "suivez-nous",
        "rejoignez-nous",
        "partagez cet article",
        "partager sur",
        "cet article est réservé",
        "créez un compte",
        "créer un compte",
        "recevez notre newsletter",
        "recevez nos",
        "retrouvez toute l'actualité",
        "téléchargez notre application",
        "laisser un commentaire",
        "ajouter un commentaire",
        "il vous reste",
        "déjà abonné",
        "© tous droits",
    ];
    let bare = plain.trim_end_matches(['!', '.', ' ', ':']);
    let cookies = plain.contains("cookies")
        && [
            "accept",
            "nous utilisons",
            "notre site",
            "ce site utilise",
            "navigation",
            "we use",
        ]
        .iter()
        .any(|sign| plain.contains(sign));
    let letter = plain.contains("newsletter")
        && ["recevez", "inscri", "abonn"]
            .iter()
            .any(|sign| plain.contains(sign));
    let call = OPENINGS.iter().any(|opening| plain.starts_with(opening));
    WHOLE.contains(&bare) || cookies || ((call || letter) && !is_reported(plain))
}

/// `« Abonnez-vous », a-t-il lancé` is prose.
fn is_reported(plain: &str) -> bool {
    plain.contains(['«', '"'])
}

fn is_dateline(plain: &str) -> bool {
    const OPENINGS: &[&str] = &[
        "publié le",
        "publié à",
        "publié hier",
        "publié aujourd'hui",
        "mis à jour",
        "mise à jour",
        "modifié le",
        "posté le",
        "temps de lecture",
        "lecture :",
        "dernière mise à jour",
        "créé le",
        "published",
        "updated",
        "mis en ligne le",
    ];
    let dated = plain.contains(|c: char| c.is_ascii_digit()) && plain.split(' ').count() <= 16;
    let reading = plain.ends_with("min de lecture") || plain.ends_with("minutes de lecture");
    dated
        && !ends_like_prose(plain)
        && (reading || OPENINGS.iter().any(|opening| plain.starts_with(opening)))
}

fn is_byline(line: &str, plain: &str) -> bool {
    const AGENCIES: &[&str] = &[
        "afp",
        "reuters",
        "ap",
        "tass",
        "belga",
        "ats",
        "efe",
        "dpa",
        "associated press",
    ];
    let bare = plain.trim_matches(['(', ')', '.']);
    let credited = bare.trim_start_matches("avec ").trim_start_matches("l'");
    if credited
        .split([',', '/', ' '])
        .filter(|word| !word.is_empty() && *word != "et")
        .all(|name| AGENCIES.contains(&name))
    {
        return !credited.is_empty();
    }
    let Some(names) = plain.strip_prefix("par ") else {
        return false;
    };
    // Capitals show the names, which only the line as written has.
    let capitals = line
        .split_whitespace()
        .skip(1)
        .filter(|word| word.starts_with(char::is_uppercase))
        .count();
    let words = names.split(' ').count();
    words <= 6
        && capitals >= 2
        && capitals + 2 >= words
        && !plain.ends_with(['.', '!', '?', ':', ','])
}
