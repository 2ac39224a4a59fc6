//! What the splitter knows of French: abbreviations, the words that start a sentence, the particles of names.

/// What a full stop after an abbreviation means for the sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abbreviation {
    /// Always belongs to what follows: `M. Poutine`, `cf. Le Monde`.
    Never,
    /// Belongs to a number that follows, else ends the sentence: `art. 12`, but `une œuvre d'art. Le musée`.
    BeforeNumber,
    /// Ends the sentence only before a word that starts sentences: `U.S.A. Le`, but `S.A. Peugeot`.
    BeforeStarter,
    /// Ends the sentence before any capital, but not before a number: `etc. Moscou`.
    BeforeCapital,
}

/// The abbreviation that stands before a full stop; `word` is without that full stop.
pub(super) fn abbreviation(word: &str) -> Option<Abbreviation> {
    use Abbreviation::*;
    // Capitals tell titles from words: `Me. Dupont`, but `il parle de me.`
    match word {
        "M" | "MM" | "Mme" | "Mmes" | "Mlle" | "Mlles" | "Dr" | "Drs" | "Pr" | "Prs" | "Me"
        | "Mgr" | "Mr" | "Mrs" | "Ms" | "St" | "Ste" | "Sts" | "Vve" | "Cdt" | "Lt" | "Gal"
        | "Sté" | "Ets" | "MMes" | "Prof" | "Gén" | "Sgt" | "Adjt" | "R.P" | "S.M" | "S.E" => {
            return Some(Never);
        }
        "Ch" | "Ph" | "Th" | "Chr" | "Fr" | "Cl" | "Ed" | "Alex" | "Jos" | "Jr" | "Sr" | "Inc"
        | "Ltd" | "Corp" | "Cie" | "Co" => return Some(BeforeStarter),
        _ => {}
    }
    // A lone capital is an initial, not an abbreviated word: `Jane S. Greaves`, but `s. 12`.
    if word.chars().count() == 1 && word.starts_with(char::is_uppercase) {
        return None;
    }
    match word.to_lowercase().as_str() {
        "cf" | "c.-à-d" | "p. ex" | "ex" | "ibid" | "op. cit" | "i.e" | "e.g" | "vs" | "p.ex"
        | "gén" | "prof" | "resp" => Some(Never),
        "p" | "pp" | "pg" | "art" | "vol" | "t" | "n" | "no" | "nos" | "nº" | "n°" | "fig"
        | "chap" | "ch" | "sect" | "sept" | "lun" | "mar" | "mer" | "jeu" | "ven" | "sam"
        | "dim" | "h" | "min" | "s" | "env" | "al" | "col" | "pl" | "l" | "v" | "liv" | "tab"
        | "st" | "app" | "bât" | "réf" | "fol" | "alin" => Some(BeforeNumber),
        "av" | "apr" | "janv" | "févr" | "fév" | "avr" | "juil" | "juill" | "oct" | "nov"
        | "déc" | "tél" | "bd" | "bld" | "boul" | "éd" | "ed" | "coll" | "trad" | "dir" | "hab"
        | "dép" | "préf" | "adj" | "rte" | "fg" | "av. j.-c" => Some(BeforeStarter),
        "etc" => Some(BeforeCapital),
        _ => None,
    }
}

/// Lower-case words of which a capitalised one starts a sentence rather than a name.
const STARTERS: &[&str] = &[
    "le",
    "la",
    "les",
    "un",
    "une",
    "des",
    "du",
    "de",
    "ce",
    "cet",
    "cette",
    "ces",
    "il",
    "elle",
    "ils",
    "elles",
    "on",
    "nous",
    "vous",
    "je",
    "tu",
    "mais",
    "et",
    "ou",
    "où",
    "donc",
    "or",
    "ni",
    "car",
    "en",
    "au",
    "aux",
    "à",
    "dans",
    "sur",
    "sous",
    "par",
    "pour",
    "avec",
    "sans",
    "selon",
    "après",
    "avant",
    "depuis",
    "pendant",
    "lors",
    "lorsque",
    "quand",
    "si",
    "comme",
    "alors",
    "ainsi",
    "aussi",
    "enfin",
    "ensuite",
    "puis",
    "cependant",
    "toutefois",
    "pourtant",
    "son",
    "sa",
    "ses",
    "leur",
    "leurs",
    "mon",
    "ma",
    "mes",
    "notre",
    "nos",
    "votre",
    "vos",
    "tout",
    "tous",
    "toute",
    "toutes",
    "plusieurs",
    "chaque",
    "aucun",
    "aucune",
    "personne",
    "rien",
    "ceci",
    "cela",
    "ça",
    "celui",
    "celle",
    "ceux",
    "celles",
    "qui",
    "que",
    "quoi",
    "quel",
    "quelle",
    "dont",
    "parce",
    "puisque",
    "malgré",
    "outre",
    "parmi",
    "chez",
    "contre",
    "entre",
    "vers",
    "dès",
    "ici",
    "là",
    "hier",
    "demain",
    "plus",
    "très",
    "même",
    "face",
    "désormais",
    "certains",
    "certaines",
    "deux",
    "trois",
    "quatre",
    "oui",
    "non",
    "seul",
    "seule",
    "bien",
    "pas",
    "tandis",
    "grâce",
    "peu",
    "voici",
    "voilà",
    "y",
    "encore",
    "toujours",
    "jamais",
    "parfois",
    "souvent",
    "déjà",
    "autre",
    "autres",
    "quelques",
    "quant",
];

/// The same, before an apostrophe.
const ELIDED: &[&str] = &[
    "l", "d", "c", "j", "qu", "s", "n", "m", "t", "lorsqu", "puisqu", "jusqu", "quelqu", "aujourd",
];

/// Particles that stand inside names: `J. Le Goff`, `Ch. de Gaulle`.
const PARTICLES: &[&str] = &["le", "la", "les", "de", "du", "des", "l", "d"];

/// Whether the text opens with `M. Dupont` or `MM. Dupont`, which start a sentence though no small letter follows.
pub(super) fn opens_with_title(text: &str) -> bool {
    let name = text
        .strip_prefix("M. ")
        .or_else(|| text.strip_prefix("MM. "));
    name.is_some_and(|name| name.starts_with(char::is_uppercase))
}

/// Whether the text opens with a word that starts sentences and is not the particle of a name.
pub(super) fn opens_with_starter(text: &str) -> bool {
    let length = text
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(text.len());
    let word = text[..length].to_lowercase();
    let rest = &text[length..];
    let known = match rest.chars().next() {
        Some('\'' | '’') => ELIDED,
        // Another initial: `J.-Y. Le Drian`
        Some('.' | '-') => &[],
        _ => STARTERS,
    };
    if !known.contains(&word.as_str()) {
        return false;
    }
    let following = rest.trim_start_matches([' ', '\'', '’', '\u{A0}']);
    let name_follows = following.starts_with(char::is_uppercase);
    !(name_follows && PARTICLES.contains(&word.as_str()))
}
